#include "actors/view_table.hpp"

#include "actors/components.hpp"
#include "storage/disk_file.hpp"

#include <algorithm>
#include <utility>

namespace tidemill {
namespace {

class view_table final : public table_store {
public:
  view_table(const component& table, std::filesystem::path file, const std::filesystem::path& folder,
             std::function<snapshot_ptr()> now)
      : declared_(declared_columns(table)), file_(std::move(file)), now_(std::move(now)),
        of_file_(make_table(with_path(table, file_), {}, folder)) {}

  result<table_ptr> latest() override {
    TIDEMILL_CHECK(write());
    return of_file_->latest();
  }
  result<table_ptr> version(const std::string& id) override { return of_file_->version(id); }
  void keep_only(const std::vector<std::string>& used) override { of_file_->keep_only(used); }

private:
  status write() {
    auto rows = now_();
    auto complete = rows && rows->partial.empty();
    if (complete && written_ == std::pair{rows->epoch, rows->offset})
      return {};
    TIDEMILL_TRY(auto there, file_exists(file_));
    if (there && !complete)
      return {}; // what was there before is newer than the half of what comes
    std::string bytes;
    if (complete)
      for (const auto& block : rows->blocks)
        for (const auto& r : block->rows)
          if (!r.removed)
            append_table_row(bytes, declared_, *rows->schema, *r.data);
    TIDEMILL_CHECK(create_folder(file_.parent_path()));
    TIDEMILL_CHECK(replace_file(file_, bytes));
    if (complete)
      written_ = {rows->epoch, rows->offset};
    return {};
  }

  schema declared_;
  std::filesystem::path file_;
  std::function<snapshot_ptr()> now_;
  std::unique_ptr<table_store> of_file_;
  std::pair<std::uint64_t, std::uint64_t> written_{}; // epoch and offset of the rows in the file
};

} // namespace

schema view_table_columns(const component& table) {
  const auto all = declared_columns(table);
  schema without_key;
  for (const auto& f : all.fields())
    if (f.name != table.settings.text("key"))
      without_key.set(f);
  return without_key;
}

component with_path(const component& table, const std::filesystem::path& file) {
  auto changed = table;
  changed.settings = {};
  changed.settings.at = table.settings.at;
  for (const auto& [name, setting] : table.settings.all())
    if (name != "path")
      changed.settings.set(name, setting);
  changed.settings.set("path", {table.settings.at, file.string()});
  return changed;
}

void append_table_row(std::string& out, const schema& declared, const view_schema& view, const row& r) {
  if (r.columns[0].is_null())
    return;
  for (const auto& f : declared.fields()) {
    auto of = std::ranges::find(view.columns, f.name, &field::name);
    append_encoded(out, r.columns[static_cast<std::size_t>(of - view.columns.begin())]);
  }
}

std::unique_ptr<table_store> make_view_table(const component& table, const std::filesystem::path& file,
                                             const std::filesystem::path& folder,
                                             std::function<snapshot_ptr()> now) {
  return std::make_unique<view_table>(table, file, folder, std::move(now));
}

} // namespace tidemill
