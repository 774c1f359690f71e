#include "event/ip_address.hpp"
#include "event/value.hpp"

#include <catch2/catch.hpp>

#include <arpa/inet.h>
#include <cstring>
#include <random>

using namespace tidemill;

namespace {

ip_address ip(std::string_view text) {
  auto a = parse_ip(text);
  if (!a)
    FAIL(a.error().text());
  return *a;
}

cidr_block cidr(std::string_view text) {
  auto b = parse_cidr(text);
  if (!b)
    FAIL(b.error().text());
  return *b;
}

} // namespace

TEST_CASE("addresses are read and written in their one form") {
  const char* forms[][2] = {{"192.168.0.1", "192.168.0.1"},
                            {"0.0.0.0", "0.0.0.0"},
                            {"::", "::"},
                            {"::1", "::1"},
                            {"1::", "1::"},
                            {"2001:DB8:0:0:0:0:0:68", "2001:db8::68"},
                            {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
                            {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
                            {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
                            {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
                            {"::ffff:c0a8:1", "192.168.0.1"},
                            {"::ffff:192.168.0.1", "192.168.0.1"},
                            {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
                            {"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"}};
  for (const auto& [text, canonical] : forms) {
    INFO(text);
    CHECK(to_string(ip(text)) == canonical);
    CHECK(ip(to_string(ip(text))) == ip(text));
  }
}

TEST_CASE("texts that are no address are refused") {
  for (auto text : {"",
                    ".",
                    "1.2.3",
                    "1.2.3.4.5",
                    "1.2.3.256",
                    "01.2.3.4",
                    "1.2.3.4 ",
                    " 1.2.3.4",
                    "1.2.3.-4",
                    "1..2.3",
                    "1.2.3.0x4",
                    "1.2.3.1000",
                    ":",
                    ":::",
                    "1:2:3:4:5:6:7",
                    "1:2:3:4:5:6:7:8:9",
                    "1:2:3:4:5:6:7:8::",
                    "::1:2:3:4:5:6:7:8",
                    "1::2::3",
                    "1:2:",
                    ":1:2:3:4:5:6:7",
                    "12345::",
                    "g::",
                    "fe80::1%en0",
                    "1.2.3.4::",
                    "::1.2.3",
                    "::1.2.3.4:5",
                    "1:2:3:4:5:6:7:1.2.3.4",
                    "::ffff:1.2.3.256"}) {
    INFO(text);
    CHECK_FALSE(parse_ip(text).has_value());
  }
  CHECK(parse_ip("10.0.0").error().text() == "\"10.0.0\" is no IP address");
  CHECK_FALSE(parse_ip(std::string_view{"1.2.3.4\0", 8}).has_value());
}

TEST_CASE("addresses of random bits and damaged texts agree with the C library") {
  std::mt19937_64 random{3};
  constexpr std::string_view letters = "0123456789abcdefABCDEF:::...g%/";
  for (int round = 0; round < 200'000; ++round) {
    ip_address a;
    for (auto& b : a.bytes)
      b = random() % 3 ? static_cast<std::uint8_t>(random()) : std::uint8_t{0};
    auto text = to_string(a);
    REQUIRE(ip(text) == a);
    for (auto n = random() % 3; n > 0 && !text.empty(); --n)
      text[random() % text.size()] = letters[random() % letters.size()];
    ip_address theirs;
    bool v6 = ::inet_pton(AF_INET6, text.c_str(), theirs.bytes.data()) == 1, good = v6;
    if (!v6) {
      theirs = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF}};
      good = ::inet_pton(AF_INET, text.c_str(), theirs.bytes.data() + 12) == 1;
    }
    auto ours = parse_ip(text);
    INFO(text);
    REQUIRE(ours.has_value() == good);
    if (good)
      REQUIRE(*ours == theirs);
  }
}

TEST_CASE("addresses know what they are for") {
  CHECK(is_loopback(ip("127.8.9.10")));
  CHECK(is_loopback(ip("::1")));
  CHECK_FALSE(is_loopback(ip("128.0.0.1")));
  CHECK(is_unspecified(ip("0.0.0.0")));
  CHECK(is_unspecified(ip("::")));
  CHECK_FALSE(is_unspecified(ip("::1")));
  CHECK(is_link_local_multicast(ip("ff12::1")));
  CHECK_FALSE(is_link_local_multicast(ip("ff05::1")));
  CHECK(is_link_local_unicast(ip("febf::1")));
  CHECK_FALSE(is_link_local_unicast(ip("fec0::1")));
  CHECK(is_global_unicast(ip("10.0.0.1")));
  for (auto no : {"0.0.0.0", "::", "127.0.0.1", "::1", "224.0.1.1", "ff05::1", "169.254.0.1", "fe80::1",
                  "255.255.255.255"})
    CHECK_FALSE(is_global_unicast(ip(no)));
}

TEST_CASE("a block holds the addresses that share its leading bits") {
  CHECK(cidr("10.0.0.0/8").contains(ip("10.255.255.255")));
  CHECK_FALSE(cidr("10.0.0.0/8").contains(ip("11.0.0.0")));
  CHECK(cidr("192.168.1.77/26").contains(ip("192.168.1.64")));
  CHECK_FALSE(cidr("192.168.1.77/26").contains(ip("192.168.1.63")));
  CHECK(cidr("0.0.0.0/0").contains(ip("255.1.2.3")));
  CHECK_FALSE(cidr("::/0").contains(ip("1.2.3.4")));
  CHECK(cidr("2001:db8::/33").contains(ip("2001:db8:7fff::")));
  CHECK_FALSE(cidr("2001:db8::/33").contains(ip("2001:db8:8000::")));
  CHECK(cidr("10.0.0.0/8").contains(cidr("10.9.0.0/16")));
  CHECK_FALSE(cidr("10.9.0.0/16").contains(cidr("10.0.0.0/8")));
  CHECK(to_string(cidr("192.168.1.77/26")) == "192.168.1.77/26");
  CHECK(to_string(cidr("192.168.1.77/26").masked()) == "192.168.1.64/26");
  CHECK(to_string(cidr("2001:db8::1/32").masked()) == "2001:db8::/32");
  CHECK(cidr("::ffff:10.0.0.0/104") == cidr("10.0.0.0/8"));
  for (auto text : {"", "/", "10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.0/8/8",
                    "10.0.0.0/-1", "::/129", "::/ 1", "10.0.0/8", "fe80::1%en0/24", "::ffff:1.2.3.4/95"}) {
    INFO(text);
    CHECK_FALSE(parse_cidr(text).has_value());
  }
}

TEST_CASE("addresses and blocks read back from their stored form, in their order") {
  std::string last;
  for (value v : {value{ip("::1")}, value{ip("1.2.3.4")}, value{ip("1.2.4.0")}, value{ip("2001::")},
                  value{cidr("10.0.0.0/8")}, value{cidr("10.0.0.0/9")}}) {
    std::string stored;
    append_encoded(stored, v);
    CHECK(last < stored);
    last = stored;
    std::string_view in = stored;
    CHECK(take_encoded(in).value() == v);
    CHECK(in.empty());
    for (std::size_t n = 0; n < stored.size(); ++n) {
      std::string_view cut{stored.data(), n};
      CHECK_FALSE(take_encoded(cut).has_value());
    }
  }
  std::string json;
  append_json(json, value{value_list{ip("::1"), cidr("10.0.0.0/8")}});
  CHECK(json == R"(["::1","10.0.0.0/8"])");
}
