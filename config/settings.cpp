#include "config/settings.hpp"

#include "config/scalar.hpp"
#include "config/source_text.hpp"
#include "config/suggest.hpp"

#include <algorithm>

namespace tidemill {
namespace {

const field_spec* find_field(const std::vector<field_spec>& fields, std::string_view name) noexcept {
  for (const auto& f : fields)
    if (f.name == name)
      return &f;
  return nullptr;
}

bool same_word(std::string_view a, std::string_view b) {
  return edit_distance(as_identifier(a), as_identifier(b)) == 0;
}

bool only_fallbacks(const spec& s) {
  return std::none_of(s.fields.begin(), s.fields.end(), [](const field_spec& f) { return f.required; }) &&
         std::any_of(s.fields.begin(), s.fields.end(),
                     [](const field_spec& f) { return f.fallback.has_value(); });
}

} // namespace

void settings_reader::fault(position at, const std::string& path, std::string text, std::string hint) {
  if (faults_.size() < max_faults)
    faults_.push_back({severity::error, at, path, std::move(text), std::move(hint)});
}

std::string_view settings_reader::unknown_key(const yaml_node& key, const std::string& path,
                                              const std::vector<field_spec>& fields) {
  if (faults_.size() >= max_faults)
    return {};
  std::string_view meant;
  std::vector<std::string_view> names;
  for (const auto& f : fields) {
    names.push_back(f.name);
    for (auto word : f.foreign)
      if (meant.empty() && same_word(word, key.text))
        meant = f.name;
  }
  if (meant.empty())
    meant = nearest(key.text, names);
  fault(key.at, path, "unknown key " + quoted_for_message(key.text),
        meant.empty() ? suggestion(key.text, names) : "did you mean \"" + std::string{meant} + "\"?");
  return meant;
}

bool settings_reader::check_name(const text_at& name, const std::string& path, bool in_expressions) {
  if (!is_identifier(name.text)) {
    fault(name.at, path,
          quoted_for_message(name.text) +
              " can't be a name: lower-case letters, digits and _ make one, at most 64, no digit first",
          "write " + as_identifier(name.text));
    return false;
  }
  if (in_expressions && is_reserved(name.text)) {
    fault(name.at, path, quoted_for_message(name.text) + " is a word of the expression language",
          "choose another name, such as " + name.text + "_");
    return false;
  }
  return true;
}

// The model that an entry under `score:` names; null, with a fault, if there is none of that name.
const spec* settings_reader::model_of(const yaml_node& node, const std::string& path) {
  const auto* named = node.find("model");
  if (named == nullptr || named->of != yaml_node::kind::scalar)
    return nullptr;
  auto name = expand_environment(named->text, environment_);
  if (!name)
    return nullptr; // reported with the value itself
  const auto* model = find_spec(known_.models, name->text);
  if (model == nullptr)
    fault(named->at, path + ".model", "unknown model " + quoted_for_message(named->text),
          suggestion(name->text, names_of(known_.models)));
  return model;
}

options settings_reader::read(const yaml_node& node, const spec& s, position at, const std::string& path,
                              bool typed) {
  options out;
  out.at = at;
  if (node.of == yaml_node::kind::spoiled)
    return out;
  auto before = faults_.size();
  if (is_inline(s)) {
    const auto& f = s.fields.front();
    if (auto v = value(node, f, path + '.' + std::string{f.name}))
      out.set(std::string{f.name}, *std::move(v));
    if (faults_.size() == before)
      lint(s, out, path);
    return out;
  }
  if (wrong_kind(node, path, "settings", s.example))
    return out;
  // An entry under `score:` takes the settings of its model too.
  const auto scores = &s == known_.score;
  const auto* model = scores ? model_of(node, path) : nullptr;
  auto fields = s.fields;
  if (model != nullptr)
    fields.insert(fields.end(), model->fields.begin(), model->fields.end());
  std::vector<std::string_view> seen;
  for (const auto& [key, child] : node.entries) {
    if (const auto* f = find_field(fields, key->text)) {
      seen.push_back(f->name);
      if (auto v = value(*child, *f, path + '.' + key->text))
        out.set(key->text, *std::move(v));
    } else if (!(typed && key->text == "type") && (!scores || model != nullptr)) {
      seen.push_back(unknown_key(*key, path, fields));
    }
  }
  for (const auto& f : fields) {
    if (std::find(seen.begin(), seen.end(), f.name) != seen.end())
      continue;
    if (f.required && !incomplete_)
      fault(at, path, "missing key \"" + std::string{f.name} + '"',
            std::string{f.name} + ": " + std::string{f.text});
    fall_back(out, f);
  }
  if (faults_.size() == before) {
    lint(s, out, path);
    if (model != nullptr)
      lint(*model, out, path);
  }
  return out;
}

options settings_reader::defaults(const spec& s) {
  options out;
  for (const auto& f : s.fields)
    fall_back(out, f);
  return out;
}

void settings_reader::fall_back(options& out, const field_spec& f) {
  if (f.fallback) {
    yaml_node node;
    node.of = yaml_node::kind::scalar;
    node.text = *f.fallback;
    if (auto v = value(node, f, std::string{f.name}))
      out.set(std::string{f.name}, *std::move(v));
  } else if (f.type == field_type::section && f.inner != nullptr && only_fallbacks(*f.inner) && !f.required) {
    out.set(std::string{f.name}, {{}, std::make_shared<const options>(defaults(*f.inner))});
  }
}

void settings_reader::lint(const spec& s, const options& o, const std::string& path) {
  if (s.lint == nullptr)
    return;
  std::vector<diagnostic> found;
  s.lint(o, found);
  for (auto& d : found) {
    if (d.path.empty())
      d.path = path;
    else if (d.path != path && !d.path.starts_with(path + '.'))
      d.path = path + '.' + d.path;
    if (d.at.line == 0)
      d.at = o.at;
    faults_.push_back(std::move(d));
  }
}

} // namespace tidemill
