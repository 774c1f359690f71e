#include "event/json_shape.hpp"
#include "tests/event/decode_support.hpp"

#include <catch2/catch.hpp>

#include <random>

using namespace tidemill;
using namespace tidemill::test;

namespace {

using random_bits = std::mt19937_64;

std::size_t pick(random_bits& random, std::size_t n) {
  return random() % n;
}

std::string scalar(random_bits& random) {
  static const std::vector<std::string> all{"1",
                                            "-20",
                                            "3.5",
                                            "1e3",
                                            "1431857103000",
                                            "true",
                                            "false",
                                            "null",
                                            "\"\"",
                                            "\"a\"",
                                            "\"view\"",
                                            "\"purchase\"",
                                            "\"\xC3\xA9\"",
                                            "\"7f\"",
                                            "\"1431857103000\"",
                                            "\"0123456789012345678901234567890123456789\"",
                                            "\"a\\u0041\"",
                                            "\"x,y}\"",
                                            "\"not \xFF text\"",
                                            "01",
                                            "tru",
                                            "\"tab\there\"",
                                            "[1,2]",
                                            "{\"id\":1}",
                                            "\"\\\"\""};
  // Mostly plain ones, so that shapes come again.
  return all[pick(random, random() % 8 == 0 ? all.size() : 16)];
}

/// Records of a few producers: keys and spaces as they write them, values at random.
std::string record_of(random_bits& random, std::size_t producer) {
  static const std::vector<std::vector<std::string>> keys{{"id", "kind", "at", "name", "other"},
                                                          {"at", "id", "o", "kind", "id"},
                                                          {"kind", "other", "id"},
                                                          {"name", "x", "y", "z", "kind", "at"}};
  std::string json = "{";
  for (const auto& key : keys[producer % keys.size()]) {
    json += json.size() > 1 ? producer % 2 == 0 ? ", " : "," : "";
    json += '"' + key + (producer % 2 == 0 ? "\": " : "\":");
    if (key == "o")
      json += "{\"deep\":" + scalar(random) + ",\"more\":[" + scalar(random) + "]}";
    else if ((key == "kind" || key == "at") && random() % 8 != 0)
      json += key == "at"         ? std::to_string(random() % 10'000'000'000'000)
              : random() % 2 == 0 ? "\"view\""
                                  : "\"click\"";
    else
      json += scalar(random);
  }
  return json + "}";
}

std::string damaged(std::string json, random_bits& random) {
  static constexpr std::string_view bytes = "\"\\,:{}[] 0a\n\x01\xFF\xC3";
  auto at = pick(random, json.size());
  switch (pick(random, 3)) {
  case 0:
    json[at] = bytes[pick(random, bytes.size())];
    break;
  case 1:
    json.erase(at, 1 + pick(random, 3));
    break;
  default:
    json.insert(at, 1, bytes[pick(random, bytes.size())]);
  }
  return json;
}

std::string answer(const decoded& d) {
  std::string text = text_of(d.rows);
  for (const auto& f : d.failures)
    text += std::to_string(f.record) + ' ' + f.why.text() + '\n';
  return text;
}

schema fields() {
  auto all = schema_of({{"id", "dyn?"},
                        {"kind", "string?"},
                        {"at", "timestamp_ms?"},
                        {"name", "dyn?"},
                        {"deep", "dyn?"},
                        {"flag", "dyn?"}})
                 .fields();
  all[4].path = {"o", "deep"};
  all[5].path = {"other"};
  return schema{all};
}

bool matches(const json_byte_functions& with, std::string_view text, const std::string& wanted, bool& high) {
  // `?` in `wanted` is a byte of a string, `*` anything.
  std::string literal, inside;
  for (auto c : wanted) {
    literal += c == '?' || c == '*' ? '\0' : '\xFF';
    inside += c == '?' ? '\xFF' : '\0';
  }
  return with.match(text.data(), {wanted.data(), literal.data(), inside.data()}, text.size(), high);
}

} // namespace

TEST_CASE("a codec that knows shapes answers as one that has seen nothing before") {
  random_bits random{20};
  auto seen = codec_for({}, fields());
  std::size_t rows = 0, failures = 0;
  for (int i = 0; i < 40'000; ++i) {
    auto producer = i % 1000 < 500 ? pick(random, 4) : static_cast<std::size_t>(i / 1000);
    auto json = record_of(random, producer);
    if (random() % 6 == 0)
      json = damaged(std::move(json), random);
    auto batch = batch_of({json});
    auto fresh = codec_for({}, fields());
    auto right = decode(*fresh, batch), got = decode(*seen, batch);
    rows += got.rows.rows();
    failures += got.failures.size();
    if (answer(right) != answer(got))
      FAIL("record " << i << ": " << json << "\nright: " << answer(right) << "\nfound: " << answer(got));
  }
  CHECK(rows > 5000);
  CHECK(failures > 5000);
}

TEST_CASE("every damage to a record of a known shape is found") {
  auto one = schema_of({{"ad_id", "string"}, {"event_time", "timestamp_ms"}, {"n", "int"}});
  const std::string good =
      R"({"user_id": "u-0123456789-0123456789-0123456789", "ad_id": "ad-7", "type": "view", )"
      R"("event_time": "1767225600000", "n": 12, "ok": true})";
  auto seen = codec_for({}, one);
  for (int i = 0; i < 3; ++i)
    REQUIRE(decode(*seen, batch_of({good})).rows.rows() == 1);
  for (std::size_t at = 0; at < good.size(); ++at)
    for (int byte = 0; byte < 256; ++byte) {
      auto json = good;
      json[at] = static_cast<char>(byte);
      auto batch = batch_of({json});
      auto fresh = codec_for({}, one);
      auto right = answer(decode(*fresh, batch)), found = answer(decode(*seen, batch));
      if (right != found)
        FAIL("byte " << at << " is " << byte << "\nright: " << right << "\nfound: " << found);
      REQUIRE(decode(*seen, batch_of({good})).rows.rows() == 1);
    }
}

TEST_CASE("values may change their size and their kind") {
  auto seen = codec_for({}, schema_of({{"a", "string?"}, {"b", "double?"}}));
  for (auto [a, b] : std::vector<std::pair<std::string, std::string>>{{"\"one\"", "1"},
                                                                      {"\"four\"", "1.25"},
                                                                      {"\"\"", "100000"},
                                                                      {"null", "null"},
                                                                      {"\"null\"", "0"},
                                                                      {"null", "-1e5"}}) {
    auto out = decode(
        *seen, batch_of({"{\"first\": \"of them all, and long\", \"a\": " + a + ", \"b\": " + b + "}"}));
    REQUIRE(out.rows.rows() == 1);
    CHECK(out.rows.columns[0].at(0) == (a == "null" ? value{} : value{a.substr(1, a.size() - 2)}));
    CHECK(out.rows.columns[1].at(0) == (b == "null" ? value{} : value{std::stod(b)}));
  }
}

TEST_CASE("no byte outside of a short record is read, also if its shape is known") {
  auto seen = codec_for({}, schema_of({{"a", "int"}}));
  std::string json = R"({"a": 1, "b": "0123456789", "c": "0123456789012345"})";
  for (int i = 0; i < 3; ++i)
    CHECK(decode(*seen, batch_of({json})).rows.rows() == 1); // each with memory of its own size
  for (std::size_t n = 0; n < json.size(); ++n)
    CHECK(decode(*seen, batch_of({json.substr(0, n)})).rows.rows() == 0);
}

TEST_CASE("windows of bytes are compared alike by all kinds of vectors") {
  random_bits random{5};
  for (int i = 0; i < 20'000; ++i) {
    std::string text, wanted;
    for (auto n = json_window + pick(random, 100); text.size() < n;) {
      text += static_cast<char>(random() % 50 == 0 ? random() : ' ' + random() % 94);
      wanted += random() % 3 == 0 ? text.back() : random() % 300 == 0 ? 'x' : random() % 4 == 0 ? '*' : '?';
    }
    bool right = true;
    for (std::size_t k = 0; k < text.size(); ++k) {
      auto c = static_cast<unsigned char>(text[k]);
      right = right && (wanted[k] == '*' ||
                        (wanted[k] == '?' ? c >= ' ' && c != '"' && c != '\\' : text[k] == wanted[k]));
    }
    bool ascii = std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
    auto quote = text.find_first_of(std::string{"\"\\"});
    for (std::size_t k = 0; k < text.size() && k < quote; ++k)
      if (static_cast<unsigned char>(text[k]) < ' ')
        quote = text.npos;
    for (const auto& with : {narrow_json_functions(), best_json_functions()}) {
      bool high = false;
      auto found = matches(with, text, wanted, high);
      const auto* end = with.string_end(text.data(), text.data() + text.size(), high);
      const auto* right_end = quote != text.npos && text[quote] == '"' ? text.data() + quote : nullptr;
      if (found != right || high == ascii || end != right_end)
        FAIL("text " << text << " wanted " << wanted);
    }
  }
}
