# `cmake --install` and `cpack`: the binary, the recipes and the licence, as a tarball and as a Debian package.
install(TARGETS loam RUNTIME DESTINATION bin)
install(DIRECTORY recipes/ DESTINATION share/loam/recipes)
install(FILES README.md LICENSE CHANGELOG.md DESTINATION share/doc/loam)

set(CPACK_PACKAGE_NAME loam)
set(CPACK_PACKAGE_VENDOR "The loam maintainers")
set(CPACK_PACKAGE_CONTACT "maintainers@loam.invalid")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY ${PROJECT_DESCRIPTION})
set(CPACK_GENERATOR "DEB;TGZ")
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
include(CPack)
