#include "tests/event/decode_support.hpp"

#include <catch2/catch.hpp>

using namespace tidemill;
using namespace tidemill::test;

namespace {

format_options csv(char delimiter = ',') {
  format_options options;
  options.name = "csv";
  options.delimiter = delimiter;
  return options;
}

// Decodes records under a header line.
decoded decode_csv(const schema& fields, const std::string& header, const std::vector<std::string>& records,
                   char delimiter = ',') {
  auto with = codec_for(csv(delimiter), fields);
  auto batch = batch_of(records);
  batch.header = std::make_shared<const std::string>(header);
  return decode(*with, batch);
}

// The value of the only cell of a record; a second column keeps an empty cell from being a blank record.
decoded one(const std::string& type_text, const std::string& text) {
  return decode_csv(schema_of({{"x", type_text}}), "x,y", {text + ",1"});
}

} // namespace

TEST_CASE("a CSV cell of each type is read") {
  CHECK(one("bool", "true").cell() == value{true});
  CHECK(one("bool", "False").cell() == value{false});
  CHECK(one("int", "-42").cell() == value{-42});
  CHECK(one("int", "+007").cell() == value{7});
  CHECK(one("int", "00000000000000000000009").cell() == value{9});
  CHECK(one("uint", "18446744073709551615").cell() == value{std::uint64_t{18446744073709551615u}});
  CHECK(one("double", "-1.5e2").cell() == value{-150.0});
  CHECK(one("double", ".5").cell() == value{0.5});
  CHECK(one("double", "+5.").cell() == value{5.0});
  CHECK(one("decimal", "12.50").cell() == value{decimal{12'500'000'000}});
  CHECK(one("string", "h\xC3\xA9").cell() == value{"h\xC3\xA9"});
  CHECK(one("bytes", "ab").cell() == value{byte_string{"ab"}});
  CHECK(one("timestamp", "2015-05-17T10:05:03Z").cell() == value{timestamp{1'431'857'103, 0}});
  CHECK(one("timestamp_s", "1431857103.5").cell() == value{timestamp{1'431'857'103, 500'000'000}});
  CHECK(one("timestamp_ms", "1431857103000").cell() == value{timestamp{1'431'857'103, 0}});
  CHECK(one("duration", "90s").cell() == value{duration{90'000'000'000}});
  CHECK(one("[int]", "\"[1, 2]\"").cell() == value{value_list{1, 2}});
  CHECK(one("[string]", "\"[\"\"a\"\", \"\"b\"\"]\"").cell() == value{value_list{"a", "b"}});
}

TEST_CASE("a CSV cell of another type is an error that names field, expected type, text and column") {
  auto text = [](const std::string& type_text, const std::string& cell) {
    auto why = one(type_text, cell).failure();
    CHECK(why.code() == errc::event_type);
    return why.text();
  };
  CHECK(text("int", "1.0") == "x: expected int, found text \"1.0\" (column 1)");
  CHECK(text("int", " 1") == "x: expected int, found text \" 1\" (column 1)");
  CHECK(text("int", "9223372036854775808") ==
        "x: expected int, found text \"9223372036854775808\", which is out of range (column 1)");
  CHECK(text("double", "nan") == "x: expected double, found text \"nan\" (column 1)");
  CHECK(text("double", ".") == "x: expected double, found text \".\" (column 1)");
  CHECK(text("double", "e5") == "x: expected double, found text \"e5\" (column 1)");
  CHECK(text("bool", "1") == "x: expected bool, found text \"1\" (column 1)");
  CHECK(text("timestamp_s", "soon") == "x: expected timestamp_s, found text \"soon\" (column 1)");
  CHECK(text("[int]", "1") == "x: expected [int], found text \"1\" (column 1)");
}

TEST_CASE("an error shows no more than the beginning of a long text, and no control characters") {
  auto why = one("int", "a\tb" + std::string(200, 'c')).failure();
  CHECK(why.text() == "x: expected int, found text \"a?b" + std::string(37, 'c') + "…\" (column 1)");
  std::string umlauts = "a";
  for (int i = 0; i < 50; ++i)
    umlauts += "\xC3\xA4";
  CHECK(is_utf8(one("int", umlauts).failure().text()));
}

TEST_CASE("an empty cell is null, an empty string, or missing") {
  CHECK(one("int?", "").cell().is_null());
  CHECK(one("int?", "\"\"").cell().is_null());
  CHECK(one("string?", "").cell().is_null());
  CHECK(one("string?", "\"\"").cell() == value{""});
  CHECK(one("string", "").cell() == value{""});
  CHECK(one("bytes", "").cell() == value{byte_string{}});
  auto why = one("int", "").failure();
  CHECK(why.code() == errc::event_missing);
  CHECK(why.text() == "x: the cell is empty; declare it int? if that may be (column 1)");
}

TEST_CASE("quotes keep delimiters, line ends and doubled quotes inside of a cell") {
  auto out = decode_csv(schema_of({{"a", "string"}, {"b", "string"}}), "a,b",
                        {"\"x,y\",\"line\r\nend\"", "\"say \"\"hi\"\"\",\"\"\"\"", "\"\",plain"});
  REQUIRE(out.failures.empty());
  CHECK(text_of(out.rows) ==
        "\"x,y\"\t\"line\\r\\nend\"\t\n\"say \\\"hi\\\"\"\t\"\\\"\"\t\n\"\"\t\"plain\"\t\n");
}

TEST_CASE("faults of quoting are malformed, with the position") {
  auto text = [](const std::string& record) {
    auto why = decode_csv(schema_of({{"a", "string"}}), "a,b", {record}).failure();
    CHECK(why.code() == errc::event_malformed);
    return why.text();
  };
  CHECK(text("1,\"open") == "unclosed quote at byte 2");
  CHECK(text("\"a\"b,1") == "text behind a closing quote at byte 3");
  CHECK(text("5\" pipe,1") == "quote inside of an unquoted cell (quote the cell and double it) at byte 1");
}

TEST_CASE("a record of the wrong number of cells is malformed and says both numbers") {
  auto fields = schema_of({{"a", "string"}});
  CHECK(decode_csv(fields, "a,b,c", {"1,2"}).failure().text() ==
        "record of 2 cells, expected 3 as in the header");
  CHECK(decode_csv(fields, "a,b,c", {"1,2,3,4"}).failure().text() ==
        "record of 4 cells, expected 3 as in the header");
  CHECK(decode_csv(fields, "a,b", {std::string(100'000, ',')}).failure().text() ==
        "record of 100001 cells, expected 2 as in the header");
}

TEST_CASE("columns are found by name, or by the path of a field, in any order") {
  auto fields = schema_of({{"second", "int"}, {"first", "int"}}).fields();
  fields[1].path = {"the \"first\" column"};
  auto out = decode_csv(schema{fields}, "x,\"the \"\"first\"\" column\",second\r\n", {"0,1,2"});
  REQUIRE(out.failures.empty());
  CHECK(text_of(out.rows) == "2\t1\t\n");
}

TEST_CASE("a byte order mark in front of the header is skipped") {
  CHECK(decode_csv(schema_of({{"a", "int"}}),
                   "\xEF\xBB\xBF"
                   "a,b",
                   {"1,2"})
            .cell() == value{1});
}

TEST_CASE("a column that the header lacks is null, or missing in each record") {
  CHECK(decode_csv(schema_of({{"z", "int?"}}), "a,b", {"1,2"}).cell().is_null());
  auto why = decode_csv(schema_of({{"z", "int"}}), "a,b", {"1,2"}).failure();
  CHECK(why.code() == errc::event_missing);
  CHECK(why.text() == "z: the header has no column \"z\"; declare it int? if that may be");
}

TEST_CASE("a header that can't be used fails the records of its file, and those of the next are read") {
  auto with = codec_for(csv(), schema_of({{"a", "int"}}));
  auto batch = batch_of({"1,2"});
  auto fault = [&](std::shared_ptr<const std::string> header) {
    batch.header = std::move(header);
    return decode(*with, batch).failure().text();
  };
  CHECK(fault(nullptr) == "the header of the file is not known");
  CHECK(fault(std::make_shared<const std::string>("a,\"b")) == "header: unclosed quote at byte 2");
  CHECK(fault(std::make_shared<const std::string>("a,a")) == "header: column \"a\" is there twice");
  CHECK(fault(std::make_shared<const std::string>("a,\xFF")) == "header: text that is not UTF-8 at byte 2");
  batch.header = std::make_shared<const std::string>("b,a");
  CHECK(decode(*with, batch).cell() == value{2});
  batch.header = std::make_shared<const std::string>("a,b");
  CHECK(decode(*with, batch).cell() == value{1});
}

TEST_CASE("without a header the columns are named by the configuration") {
  auto options = csv(';');
  options.header = false;
  options.columns = {"a", "b"};
  auto with = codec_for(options, schema_of({{"b", "string"}}));
  auto out = decode(*with, batch_of({"1;x", "2;\"y;z\"", "3"}));
  CHECK(out.failure().text() == "record of 1 cells, expected 2");
  CHECK(text_of(out.rows) == "\"x\"\t\n\"y;z\"\t\n");
}

TEST_CASE("an empty CSV record is no event, one of spaces is") {
  auto out = decode_csv(schema_of({{"a", "string"}}), "a", {"", "x", " ", "\"\""});
  CHECK(out.failures.empty());
  CHECK(text_of(out.rows) == "\"x\"\t\n\" \"\t\n\"\"\t\n");
}

TEST_CASE("CSV that is not UTF-8 fails its record") {
  auto why = decode_csv(schema_of({{"a", "int"}}), "a,b", {"1,\xC3"}).failure();
  CHECK(why.code() == errc::event_encoding);
  CHECK(why.text() == "text that is not UTF-8 at byte 2");
}

TEST_CASE("plain cells point into the record, cells with doubled quotes don't") {
  auto batch = batch_of({"abc,1", "\"a\"\"c\",1"});
  batch.header = std::make_shared<const std::string>("a,b");
  auto with = codec_for(csv(), schema_of({{"a", "string"}}));
  auto out = decode(*with, batch);
  const auto& texts = out.rows.columns[0].as<std::string_view>();
  CHECK(texts[0].data() == batch.records[0].bytes.data());
  CHECK(texts[1] == "a\"c");
  CHECK(out.rows.memory.front() == batch.memory);
}

TEST_CASE("a CSV codec refuses settings that can't work") {
  auto fault = [](const format_options& options, const schema& fields) {
    auto made = make_codec(options, fields, std::vector<bool>(fields.size(), true));
    REQUIRE_FALSE(made.has_value());
    CHECK(made.error().code() == errc::config_invalid);
    return made.error().text();
  };
  auto fields = schema_of({{"a", "int"}});
  for (auto delimiter : {'"', '\n', '\r', '\0', '\xE4'})
    CHECK(fault(csv(delimiter), fields) ==
          "csv: the delimiter must be an ASCII character other than a quote or a line end");
  auto options = csv();
  options.header = false;
  CHECK(fault(options, fields) == "csv without a header needs `columns`, the names of its columns in order");
  options.columns = {"b"};
  CHECK(fault(options, fields) == "a: `columns` has no \"a\"");
  options.columns = {"a", "a"};
  CHECK(fault(options, fields) == "csv: `columns` names \"a\" twice");
  CHECK(fault(csv(), schema_of({{"a", "dyn"}})) ==
        "a: a csv cell has no type of its own; declare one instead of dyn");
  auto nested = fields.fields();
  nested[0].path = {"a", "b"};
  CHECK(fault(csv(), schema{nested}) ==
        "a: csv has no nested fields, its path must be the name of one column");
}

TEST_CASE("real CSV files decode without a failure") {
  const std::string data = TIDEMILL_SOURCE_DIR "/../shared/data/";
  struct sample {
    std::string file;
    schema fields;
    std::size_t rows;
  };
  const std::vector<sample> samples{
      {"retail_invoices/2010-12-01.csv",
       schema_of({{"InvoiceNo", "string"},
                  {"Description", "string?"},
                  {"Quantity", "int"},
                  {"UnitPrice", "decimal"},
                  {"CustomerID", "double?"},
                  {"Country", "string"}}),
       3108},
      {"iot_wsn/multihop.csv", schema_of({{"mote_id", "uint"}, {"humidity", "double"}, {"label", "int"}}), 0},
      {"nab/data/artificialNoAnomaly/art_flatline.csv", schema_of({{"value", "decimal"}}), 4032}};
  for (const auto& s : samples) {
    auto text = file_text(data + s.file);
    if (text.empty()) {
      WARN("no file " << data + s.file);
      continue;
    }
    auto records = records_of(csv(), text);
    auto header = records.front();
    records.erase(records.begin());
    auto out = decode_csv(s.fields, header, records);
    INFO(s.file << (out.failures.empty() ? "" : ": " + out.failures[0].why.text()));
    CHECK(out.failures.empty());
    CHECK(out.rows.rows() == records.size());
    CHECK(out.rows.rows() >= s.rows);
  }
}
