// Branches of streams: each becomes streams with steps that there are anyway.
#include "pipeline/plan_compiler.hpp"
#include "pipeline/steps/steps.hpp"

namespace tidemill {
namespace {

// No field of a pipeline's file can be called so.
const std::string mark = "__branch";

component step_of(const char* type, const text_at& at, option value) {
  component c{{"", at.at}, type, {}};
  c.settings.at = at.at;
  c.settings.set(type, std::move(value));
  return c;
}

component set_fields(const text_at& at, std::vector<std::pair<text_at, text_at>> fields) {
  return step_of("set", at, {at.at, std::move(fields)});
}

component keep_if(const text_at& at, std::string condition) {
  return step_of("filter", at, {at.at, std::move(condition)});
}

component drop_fields(const text_at& at, const std::vector<std::string>& names) {
  std::vector<text_at> all;
  for (const auto& n : names)
    all.push_back({n, at.at});
  return step_of("drop", at, {at.at, std::move(all)});
}

} // namespace

/// Compiles each condition for itself, so that its faults are told at their places.
bool plan_compiler::check_route(const stream_definition& s) {
  const auto at = places_.find(s.name.text);
  if (at == places_.end())
    return false;
  const auto& scope = scopes_[at->second.source][at->second.stream];
  const auto names = scope.environment();
  const auto before = faults_.size();
  for (const auto& [branch, condition] : s.route) {
    const auto path = "streams." + s.name.text + ".route." + branch.text;
    const auto e = compile_at(condition, names, path, faults_);
    if (e && !e->result().is(kind::boolean))
      fault(condition.at, path, "a condition is a bool, this is " + to_string(e->result()));
  }
  const auto sound = faults_.size() == before;
  drop_echoes(before, scope.missing);
  return sound;
}

/// Behind the stream stands `NAME.route`, which finds out where events go; what fails there is dead once.
/// Behind it stand the branches.
std::vector<stream_definition> plan_compiler::branches_of(const stream_definition& s) const {
  const auto hidden = s.name.text + ".route";
  std::vector<std::string> marks;
  std::vector<std::pair<text_at, text_at>> fields;
  std::vector<std::string> takes; // by branch, then of `else`
  if (s.route_to_all) {
    std::string any;
    for (std::size_t i = 0; i < s.route.size(); ++i) {
      marks.push_back(mark + std::to_string(i));
      fields.emplace_back(text_at{marks.back(), s.name.at}, s.route[i].second);
      takes.push_back(marks.back());
      any += (any.empty() ? "" : " || ") + marks.back();
    }
    takes.push_back("!(" + any + ")");
  } else {
    std::string first;
    for (std::size_t i = 0; i < s.route.size(); ++i) {
      first += '(' + s.route[i].second.text + ") ? " + std::to_string(i) + " : ";
      takes.push_back(mark + " == " + std::to_string(i));
    }
    takes.push_back(mark + " == " + std::to_string(s.route.size()));
    marks.push_back(mark);
    fields.emplace_back(text_at{mark, s.name.at}, text_at{first + std::to_string(s.route.size()), s.name.at});
  }
  std::vector<stream_definition> all;
  all.push_back({{hidden, s.name.at}, s.name, {set_fields(s.name, std::move(fields))}});
  for (std::size_t i = 0; i < takes.size(); ++i) {
    const auto& name = i < s.route.size() ? s.route[i].first : s.name;
    const auto branch = i < s.route.size() ? name.text : std::string{"else"};
    all.push_back({{s.name.text + '.' + branch, name.at},
                   {hidden, s.name.at},
                   {keep_if(name, takes[i]), drop_fields(name, marks)}});
  }
  return all;
}

} // namespace tidemill
