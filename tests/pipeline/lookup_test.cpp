#include "pipeline/partition.hpp"
#include "tests/support/make_definition.hpp"

#include <catch2/catch.hpp>

#include <deque>

using namespace tidemill;
using namespace tidemill::test;

namespace {

/// k → its version's name and k; multiples of seven are not there.
class text_table : public lookup_table {
public:
  explicit text_table(std::string version) : version_(std::move(version)) {}
  const std::string& version() const noexcept override { return version_; }
  const schema& columns() const noexcept override {
    static const schema all{{{"found", kind::string, {}, time_format::rfc3339}}};
    return all;
  }
  bool find(const value& key, const std::vector<std::size_t>&, std::vector<value>& out) const override {
    ++asked;
    auto k = key.get_if<std::int64_t>() != nullptr ? std::to_string(*key.get_if<std::int64_t>())
                                                   : std::string{*key.get_if<std::string>()};
    if (std::stoi(k) % 7 == 0)
      return false;
    out.at(0) = value{version_ + "/" + k};
    return true;
  }
  mutable std::size_t asked = 0;

private:
  std::string version_;
};

std::shared_ptr<const plan> lookup_plan(const char* key_type, const char* on_miss) {
  definition d;
  d.sources.push_back({{"log", {}},
                       "test",
                       section({{"format", text_option("json")},
                                {"schema", schema_option({{"t", "timestamp_s"}, {"k", key_type}})},
                                {"time", section_option({{"field", text_option("t")}})}})});
  d.tables.push_back({{"names", {}}, "test", {}});
  d.streams.push_back({{"hits", {}},
                       {"log", {}},
                       {{{},
                         "lookup",
                         section({{"table", text_option("names")},
                                  {"key", text_option("k")},
                                  {"set", pairs_option({{"found", "found"}})},
                                  {"on_miss", text_option(on_miss)}})}}});
  d.sinks.push_back(
      {{"out", {}}, "file", section({{"from", texts_option({"hits"})}, {"path", text_option("x")}})});
  std::vector<diagnostic> faults;
  return compile_plan(
      d, [](const component&) { return result<schema>{text_table{{}}.columns()}; }, faults);
}

/// A partition that is fed records with keys, a batch at a time.
class keyed_run {
public:
  explicit keyed_run(const char* key_type, const char* on_miss = "null")
      : quote_(std::string_view{key_type}.starts_with("string") ? "\"" : ""),
        worker_(lookup_plan(key_type, on_miss), 0, partition_id{0}, false,
                [this](std::size_t, const std::string& version) { return table(version); }) {
    use("v1");
  }

  void use(const std::string& version) {
    worker_.enter({next_, journal_entry::what::table, {}, 0, version}, out_);
  }

  /// What came out for these keys; an empty key is null.
  std::vector<std::string> operator()(const std::vector<std::string>& keys) {
    auto b = std::make_shared<record_batch>();
    b->begin = next_;
    for (const auto& k : keys) {
      texts_.push_back(R"({"t":1,"k":)" + (k.empty() ? "null" : quote_ + k + quote_) + "}" +
                       std::string(64, ' '));
      b->records.push_back(
          {std::string_view{texts_.back()}.substr(0, texts_.back().size() - 64), next_, next_ + 1, {}});
      ++next_;
    }
    b->end = next_;
    worker_.apply(b, out_);
    std::vector<std::string> found;
    for (auto& e : out_)
      if (auto at = e.json.find(R"("found":)"); at != std::string::npos)
        found.push_back(e.json.substr(at + 8, e.json.size() - at - 9));
    out_.clear();
    return found;
  }

  table_ptr table(const std::string& version) {
    tables_.push_back(std::make_shared<text_table>(version));
    return tables_.back();
  }
  std::size_t asked() const { return tables_.back()->asked; }
  std::uint64_t dead() const { return worker_.counts().dead; }

private:
  std::string quote_;
  std::deque<std::string> texts_;
  std::vector<std::shared_ptr<text_table>> tables_;
  std::vector<emission> out_;
  offset next_ = 0;
  partition worker_;
};

using texts = std::vector<std::string>;

} // namespace

TEST_CASE("a lookup adds the row of each key, no such key and no key are null", "[lookup]") {
  for (const auto* of : {"string?", "int?"}) {
    keyed_run run{of};
    run({"1", "1", "1", "1"}); // the guard has seen a time now
    CHECK(run({"1", "14", "", "2", "1"}) == texts{R"("v1/1")", "null", "null", R"("v1/2")", R"("v1/1")"});
  }
}

TEST_CASE("a key that was looked up is not looked up again in the same version", "[lookup]") {
  keyed_run run{"string"};
  run({"1", "1", "2", "7", "7"});
  run({"1", "2", "7"});
  CHECK(run.asked() == 3);
}

TEST_CASE("a new version of a table answers for every key that comes after it", "[lookup]") {
  keyed_run run{"string"};
  CHECK(run({"1", "1", "1", "7"}) == texts{R"("v1/1")", R"("v1/1")", R"("v1/1")", "null"});
  run.use("v2");
  CHECK(run({"1", "7", "2"}) == texts{R"("v2/1")", "null", R"("v2/2")"});
}

TEST_CASE("an event with a key that isn't there can be a dead letter", "[lookup]") {
  keyed_run run{"string?", "dead"};
  CHECK(run({"1", "14", "", "2", "1"}) == texts{R"("v1/1")", R"("v1/2")", R"("v1/1")"});
  CHECK(run.dead() == 2);
}

TEST_CASE("a lookup stays right when there are more keys than it remembers", "[lookup]") {
  keyed_run run{"int"};
  bool right = true;
  for (int from = 0; from < 200'000; from += 5'000) {
    texts keys, expected;
    for (auto k = from; k < from + 5'000; ++k) {
      keys.push_back(std::to_string(k % 150'000));
      expected.push_back(k % 150'000 % 7 == 0 ? "null" : "\"v1/" + keys.back() + '"');
    }
    right = right && run(keys) == expected;
  }
  CHECK(right);
}
