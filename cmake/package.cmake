# `cmake --install` and `cpack`: the binary, the recipes and the licence, as a tarball and as a Debian package.
install(TARGETS loam RUNTIME DESTINATION bin)
install(DIRECTORY recipes/ DESTINATION share/loam/recipes)
install(FILES README.md CHANGELOG.md DESTINATION share/doc/loam)
install(FILES LICENSE DESTINATION share/doc/loam RENAME copyright)  # the name Debian's packages give it
install(FILES docs/loam.1 DESTINATION share/man/man1)
install(FILES cmake/loam.bash-completion DESTINATION share/bash-completion/completions RENAME loam)

set(CPACK_PACKAGE_NAME loam)
set(CPACK_PACKAGE_VENDOR "The loam maintainers")
set(CPACK_PACKAGE_CONTACT "The loam maintainers <root@localhost>")  # a packager's own address goes here: -D CPACK_PACKAGE_CONTACT=...
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY ${PROJECT_DESCRIPTION})
set(CPACK_GENERATOR "DEB;TGZ")
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
include(CPack)
