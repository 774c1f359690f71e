#include "event/options.hpp"

#include "event/value.hpp"

#include <algorithm>

namespace tidemill {
namespace {

template <class T>
const T* data_of(const option* o) noexcept {
  return o != nullptr ? std::get_if<T>(&o->data) : nullptr;
}

void append(std::string& out, const options& o);

// Every type has its own brackets or suffix, so that no two settings share a text.
struct canonical_writer {
  std::string& out;

  void operator()(bool x) const { out += x ? "true" : "false"; }
  void operator()(std::int64_t x) const { out += std::to_string(x); }
  void operator()(double x) const {
    out += '~';
    append_json(out, x);
  }
  void operator()(microseconds x) const { out += std::to_string(x.count()) + "us"; }
  void operator()(const std::string& x) const { append_json_string(out, x); }
  void operator()(const std::vector<text_at>& x) const {
    out += '[';
    for (const auto& t : x) {
      append_json_string(out, t.text);
      out += ',';
    }
    out += ']';
  }
  void operator()(const std::vector<std::pair<text_at, text_at>>& x) const {
    out += '(';
    for (const auto& [name, text] : x) {
      append_json_string(out, name.text);
      out += ':';
      append_json_string(out, text.text);
      out += ',';
    }
    out += ')';
  }
  void operator()(const std::shared_ptr<const options>& x) const {
    if (x)
      append(out, *x);
  }
  void operator()(const option::section_list& x) const {
    out += '<';
    for (const auto& [name, section] : x) {
      append_json_string(out, name.text);
      out += ':';
      (*this)(section);
      out += ',';
    }
    out += '>';
  }
};

void append(std::string& out, const options& o) {
  std::vector<const std::pair<std::string, option>*> all;
  for (const auto& setting : o.all())
    all.push_back(&setting);
  std::sort(all.begin(), all.end(), [](auto* a, auto* b) { return a->first < b->first; });
  out += '{';
  for (const auto* setting : all) {
    append_json_string(out, setting->first);
    out += ':';
    std::visit(canonical_writer{out}, setting->second.data);
    out += ',';
  }
  out += '}';
}

} // namespace

void options::set(std::string name, option value) {
  for (auto& [known, held] : all_)
    if (known == name) {
      held = std::move(value);
      return;
    }
  all_.emplace_back(std::move(name), std::move(value));
}

const option* options::find(std::string_view name) const noexcept {
  for (const auto& [known, held] : all_)
    if (known == name)
      return &held;
  return nullptr;
}

bool options::flag(std::string_view name, bool fallback) const {
  const auto* x = data_of<bool>(find(name));
  return x != nullptr ? *x : fallback;
}

std::int64_t options::integer(std::string_view name, std::int64_t fallback) const {
  const auto* x = data_of<std::int64_t>(find(name));
  return x != nullptr ? *x : fallback;
}

double options::number(std::string_view name, double fallback) const {
  const auto* x = data_of<double>(find(name));
  return x != nullptr ? *x : fallback;
}

microseconds options::time(std::string_view name, microseconds fallback) const {
  const auto* x = data_of<microseconds>(find(name));
  return x != nullptr ? *x : fallback;
}

std::string options::text(std::string_view name, std::string_view fallback) const {
  const auto* x = data_of<std::string>(find(name));
  return x != nullptr ? *x : std::string{fallback};
}

std::vector<text_at> options::texts(std::string_view name) const {
  const auto* o = find(name);
  if (const auto* list = data_of<std::vector<text_at>>(o))
    return *list;
  if (const auto* one = data_of<std::string>(o))
    return {{*one, o->at}};
  return {};
}

std::vector<std::pair<text_at, text_at>> options::pairs(std::string_view name) const {
  const auto* x = data_of<std::vector<std::pair<text_at, text_at>>>(find(name));
  return x != nullptr ? *x : std::vector<std::pair<text_at, text_at>>{};
}

const options& options::section(std::string_view name) const {
  static const options none;
  const auto* x = data_of<std::shared_ptr<const options>>(find(name));
  return x != nullptr && *x ? **x : none;
}

const option::section_list& options::sections(std::string_view name) const {
  static const option::section_list none;
  const auto* x = data_of<option::section_list>(find(name));
  return x != nullptr ? *x : none;
}

position options::where(std::string_view name) const noexcept {
  const auto* o = find(name);
  return o != nullptr && o->at.line > 0 ? o->at : at;
}

std::string canonical(const options& o) {
  std::string out;
  append(out, o);
  return out;
}

} // namespace tidemill
