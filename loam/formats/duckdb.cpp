#include "loam/formats/duckdb.h"

#include <dlfcn.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <new>
#include <system_error>
#include <type_traits>
#include <utility>

#include "loam/base/error.h"

namespace loam {
namespace {

namespace fs = std::filesystem;

#if defined(__aarch64__)
constexpr const char* kPlace = "data/npm/node-bindings-linux-arm64/libduckdb.so";
#else
constexpr const char* kPlace = "data/npm/node-bindings-linux-x64/libduckdb.so";
#endif
constexpr int kFoldersAbove = 4;

// Handles are pointers to what only DuckDB knows.
struct DuckResult {
  uint64_t unused[3];
  void* columns;
  char* error;
  void* inside;
};
struct DuckString {
  uint32_t length;
  char begin[4];
  const char* rest;
};
static_assert(sizeof(DuckResult) == 48 && sizeof(DuckString) == 16);

struct DuckApi {
  std::string missing;
  int (*create_config)(void** config) = nullptr;
  int (*set_config)(void* config, const char* name, const char* value) = nullptr;
  void (*destroy_config)(void** config) = nullptr;
  int (*open_ext)(const char* path, void** database, void* config, char** error) = nullptr;
  void (*close)(void** database) = nullptr;
  void (*free)(void* bytes) = nullptr;
  int (*connect)(void* database, void** connection) = nullptr;
  void (*disconnect)(void** connection) = nullptr;
  int (*prepare)(void* connection, const char* sql, void** statement) = nullptr;
  const char* (*prepare_error)(void* statement) = nullptr;
  void (*destroy_prepare)(void** statement) = nullptr;
  int (*execute_prepared_streaming)(void* statement, DuckResult* result) = nullptr;
  const char* (*result_error)(DuckResult* result) = nullptr;
  void (*destroy_result)(DuckResult* result) = nullptr;
  uint64_t (*column_count)(DuckResult* result) = nullptr;
  void* (*fetch_chunk)(DuckResult result) = nullptr;
  uint64_t (*data_chunk_get_size)(void* chunk) = nullptr;
  void* (*data_chunk_get_vector)(void* chunk, uint64_t column) = nullptr;
  void (*destroy_data_chunk)(void** chunk) = nullptr;
  void* (*vector_get_data)(void* vector) = nullptr;
  uint64_t* (*vector_get_validity)(void* vector) = nullptr;

  DuckApi() {
    std::string tried;
    void* library = nullptr;
    auto open = [&](const std::string& path) {
      if (library != nullptr) return;
      library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
      if (library == nullptr) tried = ::dlerror();
    };
    if (const char* named = std::getenv("LOAM_DUCKDB"); named != nullptr && *named != '\0') {
      open(named);  // what was asked for, or nothing
    } else {
      std::error_code code;
      fs::path folder = fs::read_symlink("/proc/self/exe", code).parent_path();
      for (int i = 0; i <= kFoldersAbove && !folder.empty() && library == nullptr; ++i, folder = folder.parent_path()) {
        if (fs::exists(folder / kPlace, code)) open((folder / kPlace).string());
      }
      open("libduckdb.so");
    }
    if (library == nullptr) {
      missing = "DuckDB's library is not there (" + tried + "); scripts/setup --data brings it, or name a libduckdb.so in LOAM_DUCKDB";
      return;
    }
    auto find = [&](auto& function, const char* name) {
      function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(library, name));
      if (function == nullptr && missing.empty()) missing = std::string("DuckDB's library has no ") + name + ": wanted one of 1.2 or newer (scripts/setup --data brings it)";
    };
    find(create_config, "duckdb_create_config");
    find(set_config, "duckdb_set_config");
    find(destroy_config, "duckdb_destroy_config");
    find(open_ext, "duckdb_open_ext");
    find(close, "duckdb_close");
    find(free, "duckdb_free");
    find(connect, "duckdb_connect");
    find(disconnect, "duckdb_disconnect");
    find(prepare, "duckdb_prepare");
    find(prepare_error, "duckdb_prepare_error");
    find(destroy_prepare, "duckdb_destroy_prepare");
    find(execute_prepared_streaming, "duckdb_execute_prepared_streaming");
    find(result_error, "duckdb_result_error");
    find(destroy_result, "duckdb_destroy_result");
    find(column_count, "duckdb_column_count");
    find(fetch_chunk, "duckdb_fetch_chunk");
    find(data_chunk_get_size, "duckdb_data_chunk_get_size");
    find(data_chunk_get_vector, "duckdb_data_chunk_get_vector");
    find(destroy_data_chunk, "duckdb_destroy_data_chunk");
    find(vector_get_data, "duckdb_vector_get_data");
    find(vector_get_validity, "duckdb_vector_get_validity");
  }
};

const DuckApi& api() {
  static const DuckApi found;
  return found;
}

std::string words_of(const char* error) { return error == nullptr ? "DuckDB gave no reason" : error; }

}  // namespace

const std::string& DuckDb::missing() { return api().missing; }

DuckDb::DuckDb() {
  require_input(missing().empty(), missing());
  void* config = nullptr;
  if (api().create_config(&config) != 0) throw std::bad_alloc();
  constexpr std::pair<const char*, const char*> kSettings[] = {{"threads", "1"}, {"memory_limit", "1GiB"}, {"temp_directory", ""}, {"autoinstall_known_extensions", "false"},
                                                               {"autoload_known_extensions", "false"}, {"allow_community_extensions", "false"}};
  for (const auto& [name, value] : kSettings) api().set_config(config, name, value);  // one that a version lacks is no loss
  char* error = nullptr;
  const int opened = api().open_ext(nullptr, &database_, config, &error);
  api().destroy_config(&config);
  const std::string why = error == nullptr ? "" : error;
  if (error != nullptr) api().free(error);
  if (opened != 0) fail(ErrorKind::resource, "DuckDB does not start: ", why);
  if (api().connect(database_, &connection_) != 0) {
    api().close(&database_);
    fail(ErrorKind::resource, "DuckDB gives no connection");
  }
  // The machine's zone is none of a file's; and rows are made as they are asked for, not a megabyte of them before.
  for (const char* setting : {"SET TimeZone = 'UTC'", "SET streaming_buffer_size = '1KB'"}) {
    try {
      run(setting);
    } catch (const Error&) {  // a build without time zones has none to get wrong
    }
  }
}

DuckDb::~DuckDb() {
  api().disconnect(&connection_);
  api().close(&database_);
}

struct DuckDb::Rows::State {
  ~State() {
    if (chunk != nullptr) api().destroy_data_chunk(&chunk);
    api().destroy_result(&result);
    api().destroy_prepare(&statement);
  }
  /// The next rows; false at the end.
  bool fetch() {
    if (chunk != nullptr) api().destroy_data_chunk(&chunk);
    chunk = api().fetch_chunk(result);
    at = 0;
    size = chunk == nullptr ? 0 : api().data_chunk_get_size(chunk);
    if (chunk != nullptr) return true;
    const char* error = api().result_error(&result);
    require_input(error == nullptr || *error == '\0', words_of(error));
    return false;
  }

  void* statement = nullptr;
  DuckResult result = {};
  void* chunk = nullptr;
  uint64_t at = 0, size = 0;
};

DuckDb::Rows::Rows(std::unique_ptr<State> state) : state_(std::move(state)) {}
DuckDb::Rows::Rows(Rows&&) noexcept = default;
DuckDb::Rows::~Rows() = default;

bool DuckDb::Rows::next(std::vector<std::string>& row) {
  State& s = *state_;
  while (s.at == s.size) {
    if (!s.fetch()) return false;
  }
  row.resize(api().column_count(&s.result));
  for (size_t c = 0; c < row.size(); ++c) {
    void* vector = api().data_chunk_get_vector(s.chunk, c);
    const uint64_t* valid = api().vector_get_validity(vector);
    row[c].clear();
    if (valid != nullptr && (valid[s.at / 64] >> (s.at % 64) & 1) == 0) continue;
    const DuckString& text = static_cast<const DuckString*>(api().vector_get_data(vector))[s.at];
    row[c].assign(text.length <= 12 ? text.begin : text.rest, text.length);  // short ones stand in the vector itself
  }
  ++s.at;
  return true;
}

DuckDb::Rows DuckDb::query(const std::string& sql) {
  auto state = std::make_unique<Rows::State>();
  if (api().prepare(connection_, sql.c_str(), &state->statement) != 0) fail(ErrorKind::input, words_of(api().prepare_error(state->statement)));
  if (api().execute_prepared_streaming(state->statement, &state->result) != 0) fail(ErrorKind::input, words_of(api().result_error(&state->result)));
  return Rows(std::move(state));
}

void DuckDb::run(const std::string& sql) {
  Rows rows = query(sql);
  while (rows.state_->fetch()) {
  }
}

}  // namespace loam
