#include "event/json_parse.hpp"
#include "tests/event/decode_support.hpp"

#include <catch2/catch.hpp>

#include <sys/mman.h>
#include <unistd.h>

#include <random>

using namespace tidemill;
using namespace tidemill::test;

namespace {

using random_bits = std::mt19937_64;

std::string space(random_bits& random) {
  std::string out;
  while (random() % 4 == 0)
    out += " \t\n\r"[random() % 4];
  return out;
}

// A JSON string that means `text`; some characters are written as escapes.
std::string spell(std::string_view text, random_bits& random) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out = "\"";
  for (auto c : text) {
    auto code = static_cast<unsigned char>(c);
    if (code < 0x80 && (code < 0x20 || c == '"' || c == '\\' || random() % 12 == 0))
      out += std::string{"\\u00"} + digits[code >> 4] + digits[code & 15];
    else
      out += c;
  }
  return out + '"';
}

std::string random_text(random_bits& random) {
  static const std::vector<std::string> parts{"a",
                                              "\"",
                                              "\\",
                                              "{",
                                              "}",
                                              "[",
                                              ":",
                                              ",",
                                              "\n",
                                              "\xC3\xA9",
                                              "key",
                                              "\xF0\x9F\x98\x80",
                                              std::string(1, '\0'),
                                              " ",
                                              "0123456789"};
  std::string out;
  for (auto n = random() % 7; n > 0; --n)
    out += parts[random() % parts.size()];
  return out;
}

// A random value and one way to write it.
value random_value(random_bits& random, std::string& json, int depth = 0) {
  auto before = space(random);
  value out;
  switch (random() % (depth < 4 ? 8 : 6)) {
  case 0:
    json += before + "null";
    break;
  case 1:
    out = random() % 2 == 0;
    json += before + (*out.get_if<bool>() ? "true" : "false");
    break;
  case 2:
    out = static_cast<std::int64_t>(random() >> random() % 64);
    json += before + std::to_string(*out.get_if<std::int64_t>());
    break;
  case 3:
    out = static_cast<double>(static_cast<std::int64_t>(random() % 2'000'001) - 1'000'000) / 64;
    json += before + std::to_string(*out.get_if<double>()); // 6 digits are all that 1/64 needs
    break;
  case 4:
  case 5:
    out = random_text(random);
    json += before + spell(*out.get_if<std::string>(), random);
    break;
  case 6: {
    value_list list;
    json += before + '[';
    for (auto n = random() % 4; list.size() < n;) {
      json += list.empty() ? "" : ",";
      list.push_back(random_value(random, json, depth + 1));
    }
    json += space(random) + ']';
    out = std::move(list);
    break;
  }
  default: {
    value_map map;
    json += before + '{';
    for (auto n = random() % 4; map.size() < n;) {
      auto key = random_text(random) + std::to_string(map.size());
      json += (map.empty() ? "" : ",") + space(random) + spell(key, random) + space(random) + ':';
      map.emplace_back(key, random_value(random, json, depth + 1));
    }
    json += space(random) + '}';
    out = std::move(map);
  }
  }
  json += space(random);
  return out;
}

std::string mutate(std::string text, random_bits& random) {
  static constexpr std::string_view favourites = "{}[]\":,\\\"0-+.eEtnf u\n\r\t\xFF\xC3\0'; ";
  for (auto n = random() % 4 + 1; n > 0 && !text.empty(); --n) {
    auto at = random() % text.size();
    switch (random() % 5) {
    case 0:
      text[at] = favourites[random() % favourites.size()];
      break;
    case 1:
      text[at] = static_cast<char>(random());
      break;
    case 2:
      text.erase(at, random() % 5);
      break;
    case 3:
      text.insert(at, text.substr(random() % text.size(), random() % 6));
      break;
    default:
      text.resize(at);
    }
  }
  return text;
}

struct subject {
  format_options options;
  schema fields;
  std::shared_ptr<const std::string> header;
  std::vector<std::string> seeds;
};

std::vector<subject> subjects() {
  subject json{{},
               schema_of({{"id", "int"},
                          {"name", "string?"},
                          {"at", "timestamp_ms?"},
                          {"tags", "[string]?"},
                          {"any", "dyn?"},
                          {"x", "double?"},
                          {"inner", "decimal?"}}),
               nullptr,
               {}};
  auto with_path = json.fields.fields();
  with_path[6].path = {"o", "p", "q"};
  json.fields = schema{with_path};
  json.seeds = {
      R"({"id":1,"name":"n\u00e9\"x","at":1431857103000,"tags":["a","b"],"any":{"k":[1,2,{}]},"x":1.5})",
      R"({"o":{"a":[{},[]],"p":{"q":0.25}},"id":-5,"skip":[[],[[]],{"a":"\\"}]})", R"( {"id" : 7 } )", ""};
  subject csv{{},
              schema_of({{"a", "int"}, {"b", "string?"}, {"c", "double?"}, {"d", "[int]?"}}),
              std::make_shared<const std::string>("a,b,c,d"),
              {"1,text,2.5,\"[1,2]\"", "2,\"quo\"\"ted, text\",,", "3,,1e9,", ""}};
  csv.options.name = "csv";
  subject log{
      {},
      *builtin_schema({.name = "combined_log", .columns = {}}),
      nullptr,
      {R"(1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET /a\xc3\xa9 HTTP/1.1" 200 17 "-" "agent \"x\"")",
       R"(::1 - me [29/Feb/2016:23:59:59 -0130] "-" 408 - "-" "-")", ""}};
  log.options.name = "combined_log";
  return {std::move(json), std::move(csv), std::move(log)};
}

bool is_blank(const subject& s, std::string_view record) {
  if (record.starts_with("\xEF\xBB\xBF") && s.options.name != "combined_log")
    record.remove_prefix(3);
  return record.find_first_not_of(s.options.name == "csv" ? "" : " \t\r\n") == record.npos;
}

} // namespace

TEST_CASE("random documents mean what they were written from, read whole or by column") {
  random_bits random{4711};
  auto fields = schema_of({{"a", "dyn"}, {"b", "dyn"}, {"c", "dyn?"}}).fields();
  fields[1].path = {"in", "b"};
  auto with = codec_for({}, schema{fields});
  for (int i = 0; i < 4000; ++i) {
    std::string json = "{" + space(random) + spell("noise", random) + ":";
    auto noise = random_value(random, json);
    json += "," + spell("a", random) + space(random) + ":";
    auto a = random_value(random, json);
    json += "," + space(random) + spell("in", random) + ":{\"b\":";
    auto b = random_value(random, json);
    json += "},\"c\":";
    auto c = random_value(random, json);
    json += "}";
    auto out = decode(*with, batch_of({json}));
    auto whole = parse_json(json);
    bool right =
        out.failures.empty() && whole && out.rows.columns[0].at(0) == a && out.rows.columns[1].at(0) == b &&
        out.rows.columns[2].at(0) == c &&
        *whole == value{value_map{{"noise", noise}, {"a", a}, {"in", value_map{{"b", b}}}, {"c", c}}};
    if (!right)
      FAIL("document " << i << ": " << json << (out.failures.empty() ? "" : out.failures[0].why.text()));
  }
}

TEST_CASE("the codec refuses as malformed exactly what reading the whole text refuses") {
  random_bits random{815};
  auto with = codec_for({}, schema_of({{"a", "dyn?"}}), {false});
  for (int i = 0; i < 30'000; ++i) {
    std::string json;
    random_value(random, json);
    json = mutate("{\"k\":" + json + "}", random);
    auto out = decode(*with, batch_of({json}));
    auto whole = parse_json(json);
    bool object = whole && whole->as_map() != nullptr;
    // What isn't read may have half a surrogate or too large a number.
    bool unread = !whole && is_utf8(json) &&
                  (whole.error().code() == errc::event_encoding ||
                   whole.error().text().find("beyond a double") != std::string::npos);
    bool blank = json.find_first_not_of(" \t\r\n") == json.npos;
    if (!unread && !blank && object != out.failures.empty())
      FAIL("document " << i << ": " << json << ": " << (whole ? "a value" : whole.error().text()));
  }
}

TEST_CASE("every mutated record becomes a row, a failure or a blank, in any cut into batches") {
  random_bits random{99};
  for (const auto& s : subjects()) {
    std::vector<std::string> records;
    std::size_t blank = 0;
    for (int i = 0; i < 4000; ++i) {
      const auto& seed = s.seeds[random() % s.seeds.size()];
      records.push_back(i % 7 == 0 ? seed : mutate(seed, random));
      blank += is_blank(s, records.back()) ? 1 : 0;
    }
    auto with = codec_for(s.options, s.fields);
    auto batch = batch_of(records);
    batch.header = s.header;
    auto whole = decode(*with, batch);
    CHECK(whole.rows.rows() + whole.failures.size() + blank == records.size());
    CHECK(whole.rows.rows() > records.size() / 10);
    for (const auto& f : whole.failures)
      if (!is_utf8(f.why.text()) || f.why.text().size() > 400 || f.why.code() == errc::none)
        FAIL("failure text of record " << f.record << ": " << f.why.text());

    // The same records in batches of random sizes, with a codec that has seen other things before.
    decoded pieces;
    for (std::size_t first = 0; first < records.size();) {
      auto last = std::min<std::size_t>(first + random() % 50, records.size());
      record_batch part{.records = {batch.records.begin() + static_cast<std::ptrdiff_t>(first),
                                    batch.records.begin() + static_cast<std::ptrdiff_t>(last)},
                        .header = s.header,
                        .memory = batch.memory};
      std::vector<decode_failure> failures;
      with->decode(part, pieces.rows, failures);
      for (auto& f : failures)
        pieces.failures.push_back({f.record + first, f.why});
      first = last;
    }
    CHECK(text_of(pieces.rows) == text_of(whole.rows));
    CHECK(pieces.failures.size() == whole.failures.size());
    for (std::size_t i = 0; i < std::min(pieces.failures.size(), whole.failures.size()); ++i)
      if (pieces.failures[i].record != whole.failures[i].record ||
          pieces.failures[i].why != whole.failures[i].why)
        FAIL("failure " << i << ": " << whole.failures[i].why.text());
  }
}

TEST_CASE("texts of rows are UTF-8 whatever the records hold") {
  random_bits random{31};
  for (const auto& s : subjects()) {
    auto with = codec_for(s.options, s.fields);
    for (int i = 0; i < 2000; ++i) {
      auto batch = batch_of({mutate(s.seeds[random() % s.seeds.size()], random)});
      batch.header = s.header;
      auto out = decode(*with, batch);
      for (const auto& c : out.rows.columns)
        if (c.of().is(kind::string))
          for (auto text : c.as<std::string_view>())
            if (!is_utf8(text))
              FAIL(s.options.name << " record " << i);
    }
  }
}

TEST_CASE("no byte in front of a record or behind it is read") {
  auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  auto* memory = static_cast<char*>(mmap(nullptr, 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  REQUIRE(memory != MAP_FAILED);
  auto* middle = memory + page;
  REQUIRE(mprotect(middle, page, PROT_READ | PROT_WRITE) == 0);
  for (const auto& s : subjects()) {
    auto with = codec_for(s.options, s.fields);
    for (const auto& seed : s.seeds)
      for (std::size_t length = 0; length <= seed.size(); ++length)
        for (auto* at : {middle, middle + page - length}) {
          std::copy_n(seed.data(), length, at);
          record_batch batch{.records = {{{at, length}, 0, 1, {}}}, .header = s.header, .memory = {}};
          auto out = decode(*with, batch);
          if (out.rows.rows() + out.failures.size() > 1)
            FAIL("more than one answer");
        }
  }
  munmap(memory, 3 * page);
}
