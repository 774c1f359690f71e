#pragma once

#include "event/definition.hpp"
#include "event/rows.hpp"
#include "event/table.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

namespace tidemill {

// Tables of type `view`: rows of a view, written into a file whenever they have changed, of which an ordinary
// table is made. So a version of them is bound to offsets and found again by a replay as that of any other.

/// What a lookup may take: the declared columns but for the key.
[[nodiscard]] schema view_table_columns(const component& table);
/// The same table with its rows in this file.
[[nodiscard]] component with_path(const component& table, const std::filesystem::path& file);
/// Appends the declared columns of a row; `view` has them, with their types, and is by the first. No row if
/// its key is null: nothing finds it.
void append_table_row(std::string& out, const schema& declared, const view_schema& view, const row& r);

/// The store of such a table over `file`, which it writes anew when the rows have changed by the time it is
/// asked; rows of a view that is being restored are not looked at. `now`: the rows, null if there are none to
/// be had. Errors as those of any table, and of writing.
[[nodiscard]] std::unique_ptr<table_store> make_view_table(const component& table,
                                                           const std::filesystem::path& file,
                                                           const std::filesystem::path& folder,
                                                           std::function<snapshot_ptr()> now);

} // namespace tidemill
