// What a file is, by its name and its first bytes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace loam {

enum class FileKind { text, markdown, rst, pod, man, info, html, json, json_lines, csv, mail, mbox, mo, po, dict, warc, gutenberg, epub, wiki, pdf, parquet, binary, unsupported };

/// "text", "markdown", "rst", "pod", "html", "json", "jsonl", "csv", "mail", "mbox", "mo", "po", "dict", "warc", "gutenberg", "epub", "wiki", "pdf", "parquet"...
const char* kind_label(FileKind kind);
/// By a name that --format takes. Throws Error{usage} with the nearest.
FileKind kind_named(const std::string& name);

/// `name` is the file's or member's, endings of packing and all; `head` its first bytes (64 KiB, or all there are).
/// A name says what text is; bytes say whether it is text at all, and what a name does not tell. A .txt that begins as a
/// page or an e-mail is one. unsupported: a kind we have no reader for, by its name (pictures, office files, scripts of
/// web pages); `named` files, which the user chose one by one, are then judged by their bytes.
FileKind kind_of(std::string_view name, std::string_view head, bool named);

/// Whether text begins as a page does: <!doctype html>, <html>, <head>, <body>, behind comments and an XML line.
bool begins_as_html(std::string_view head);

/// A file of that name is of a kind we have no reader for (see kind_of), be it packed or not.
bool unsupported_name(std::string_view name);

/// The share of control bytes from which on a file is binary.
inline constexpr double kBinaryShare = 0.02;

}  // namespace loam
