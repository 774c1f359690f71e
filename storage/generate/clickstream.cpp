#include "storage/generate/clickstream.hpp"

#include "event/hash.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <string_view>

namespace tidemill {
namespace {

constexpr std::uint32_t product_count = 2000;
constexpr std::uint64_t session_events = 12;
constexpr std::uint64_t copy_reach = 20;

constexpr std::array<std::string_view, 6> browsers{
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 "
    "Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Version/18.1 Mobile "
    "Safari/604.1",
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile "
    "Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 "
    "Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:132.0) Gecko/20100101 Firefox/132.0"};
constexpr std::array<std::string_view, 3> bots{
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", "python-requests/2.32.3"};
// First bytes of public networks, so that a table of countries knows most addresses.
constexpr std::array<unsigned, 24> networks{2,  5,  23,  31,  46,  62,  66,  77,  81,  85,  88,  91,
                                            93, 98, 109, 151, 176, 178, 188, 201, 203, 210, 212, 217};
constexpr std::array<std::string_view, 4> origins{"https://www.google.com/", "https://duckduckgo.com/",
                                                  "https://news.example.org/", "https://mail.example.com/"};

std::uint64_t mix(std::uint64_t x) {
  // The finaliser of splitmix64 (Steele, Lea, Flood 2014).
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

void append_number(std::string& out, std::uint64_t x) {
  char text[20];
  auto end = std::to_chars(text, text + sizeof text, x).ptr;
  out.append(text, end);
}

void append_digits(std::string& out, std::uint64_t x, int digits) {
  char text[20];
  for (int i = digits; i-- > 0; x /= 10)
    text[i] = static_cast<char>('0' + x % 10);
  out.append(text, static_cast<std::size_t>(digits));
}

void append_hex(std::string& out, std::uint64_t x, int digits) {
  for (int i = digits; i-- > 0;)
    out.push_back("0123456789abcdef"[(x >> (4 * i)) & 15]);
}

/// RFC 3339 with milliseconds; the years are those of ordinary clocks.
void append_time(std::string& out, event_time t) {
  auto ms = std::chrono::floor<std::chrono::milliseconds>(t.time_since_epoch()).count();
  auto seconds = (ms - (ms % 1000 + 1000) % 1000) / 1000;
  auto c = to_civil(seconds);
  append_digits(out, static_cast<std::uint64_t>(c.year), 4);
  out += '-';
  append_digits(out, c.month, 2);
  out += '-';
  append_digits(out, c.day, 2);
  out += 'T';
  append_digits(out, c.hour, 2);
  out += ':';
  append_digits(out, c.minute, 2);
  out += ':';
  append_digits(out, c.second, 2);
  out += '.';
  append_digits(out, static_cast<std::uint64_t>(ms - seconds * 1000), 3);
  out += 'Z';
}

/// Bends an even stream: seconds of steady rate → seconds of the clock. Grows strictly; plain arithmetic
/// only, so that every machine gives the same bits.
double bend(double u) {
  // Ten minutes: 80 seconds' worth of records come within 20, the rest is stretched to fit.
  constexpr double period = 600, before = 200, dense = 80, burst = 20;
  constexpr double stretch = (period - burst) / (period - dense);
  auto whole = std::floor(u / period) * period;
  auto r = u - whole;
  auto t = whole + (r < before           ? r * stretch
                    : r < before + dense ? before * stretch + (r - before) * (burst / dense)
                                         : period - (period - r) * stretch);
  // An hour of rise and fall: two parabolas instead of a sine.
  constexpr double day = 3600, swing = 0.05 * day;
  auto phase = t / day - std::floor(t / day);
  auto half = phase < 0.5 ? phase : phase - 0.5;
  auto wave = 8 * half * (1 - 2 * half);
  return t + (phase < 0.5 ? swing : -swing) * wave;
}

bool in_outage(std::chrono::microseconds since_start) {
  using namespace std::chrono_literals;
  auto within = since_start % 20min;
  return within >= 12min && within < 13min;
}

} // namespace

/// A stream of numbers that belongs to one record, or one session.
class clickstream::dice {
public:
  dice(std::uint64_t seed, std::uint64_t a, std::uint64_t b) : state_(mix(mix(seed ^ mix(a)) + b)) {}
  std::uint64_t roll() { return mix(state_ += 0x9e3779b97f4a7c15); }
  /// 0 … n - 1.
  std::uint64_t below(std::uint64_t n) {
    __extension__ using wide = unsigned __int128;
    return static_cast<std::uint64_t>((wide{roll()} * n) >> 64);
  }
  bool in(std::uint64_t share, std::uint64_t of) { return below(of) < share; }
  template <class T, std::size_t N>
  const T& one_of(const std::array<T, N>& from) {
    return from[below(N)];
  }

private:
  std::uint64_t state_;
};

/// Who is there: a session and its user.
struct clickstream::visit {
  std::uint64_t session;
  std::uint32_t user;
  bool bot, first;
  std::string_view agent;
};

clickstream::clickstream(const shape& s) : shape_(s), users_(s.partitions) {
  // Sessions last about two minutes.
  auto rate = s.rate / s.partitions;
  slots_ = static_cast<std::uint64_t>(std::clamp(rate * 10, 8.0, 65536.0));
  auto place = [&](std::uint32_t user) {
    users_[hash64("u" + std::to_string(user), s.seed) % s.partitions].push_back(user);
  };
  for (std::uint32_t u = 0; u < s.users; ++u)
    place(u);
  // With few users a partition may have got none; later numbers fill it.
  for (auto u = s.users; std::any_of(users_.begin(), users_.end(), [](auto& l) { return l.empty(); }); ++u)
    if (users_[hash64("u" + std::to_string(u), s.seed) % s.partitions].empty())
      place(u);
  double sum = 0;
  for (std::uint32_t k = 1; k <= product_count; ++k)
    sum += 1.0 / k;
  double share = 0;
  for (std::uint32_t k = 1; k <= product_count; ++k) {
    share += 1.0 / k;
    products_.push_back(k == product_count
                            ? ~std::uint64_t{0}
                            : static_cast<std::uint64_t>(share / sum * 18'446'744'073'709'000'000.0));
  }
}

event_time clickstream::due(partition_id p, std::uint64_t i) const {
  auto number = static_cast<double>(i) * shape_.partitions + to_index(p);
  return shape_.start + microseconds{static_cast<std::int64_t>(bend(number / shape_.rate) * 1e6)};
}

std::uint64_t clickstream::due_by(partition_id p, event_time now) const {
  std::uint64_t low = 0, high = 1;
  while (high < (std::uint64_t{1} << 52) && due(p, high - 1) <= now)
    high *= 2;
  while (low < high) {
    auto middle = low + (high - low) / 2;
    if (due(p, middle) <= now)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

clickstream::visit clickstream::visit_of(partition_id p, std::uint64_t i, dice& d) const {
  auto slot = d.below(slots_);
  // Sessions of different slots begin at different records.
  auto phase = mix(shape_.seed ^ slot) % session_events;
  auto turn = i / slots_ + phase;
  auto id = (std::uint64_t{to_index(p)} << 32) + slot;
  dice who{shape_.seed + 1, id, turn / session_events};
  visit v{};
  v.session = who.roll();
  v.bot = who.in(3, 100);
  v.agent = v.bot ? who.one_of(bots) : who.one_of(browsers);
  v.first = turn % session_events == 0;
  const auto& users = users_[to_index(p)];
  // The square prefers the front of the list: the busiest tenth makes a third of the traffic.
  auto x = who.below(1 << 16);
  v.user = users[(((x * x) >> 16) * users.size()) >> 16];
  return v;
}

std::uint32_t clickstream::product(dice& d) const {
  auto at = std::lower_bound(products_.begin(), products_.end(), d.roll());
  return static_cast<std::uint32_t>(at - products_.begin()) + 1;
}

void clickstream::append_page(std::string& out, dice& d) const {
  auto kind = d.below(100);
  if (kind < 10) {
    out += '/';
  } else if (kind < 24) {
    out += "/search";
  } else if (kind < 36) {
    out += "/category/";
    append_number(out, 1 + std::bit_width(d.roll() >> 44) % 20);
  } else if (kind < 77) {
    out += "/product/";
    append_number(out, product(d));
  } else if (kind < 85) {
    out += "/cart";
  } else if (kind < 89) {
    out += "/checkout";
  } else if (kind < 97) {
    out += d.in(1, 2) ? "/static/app.js" : "/static/style.css";
  } else {
    out += "/health";
  }
}

microseconds clickstream::disorder(dice& d) {
  auto lot = d.below(1000);
  auto back = d.below(800'000);
  if (lot < 10)
    back = 2'000'000 + d.below(18'000'000);
  else if (lot == 10)
    back = 120'000'000 + d.below(480'000'000);
  else if (lot == 11)
    return -microseconds{static_cast<std::int64_t>(3'600'000'000 + d.below(18'000'000'000))};
  return microseconds{static_cast<std::int64_t>(back)};
}

void clickstream::append_answer(std::string& out, dice& d, bool bot, bool troubled, bool wrong_type) {
  auto luck = d.below(1000);
  auto missing = bot ? 100u : 20u;
  auto code = troubled             ? (luck % 3 == 0 ? 503 : 500)
              : luck < missing     ? 404
              : luck < missing + 4 ? 500
              : luck < 150         ? (luck % 2 == 0 ? 304 : 302)
                                   : 200;
  out += R"(,"status":)";
  if (wrong_type)
    out += R"("ok")";
  else
    append_number(out, static_cast<std::uint64_t>(code));
  out += R"(,"bytes":)";
  auto body = 800 + (d.below(4000) << std::min(std::countl_zero(d.roll()), 6));
  append_number(out, code == 200 ? body : body % 400);
  // Half of all answers take 1.5 to 7.5 ms; the share halves as the time doubles.
  auto tenths = (15 + d.below(60)) << std::min(std::countl_zero(d.roll()), 8);
  if (troubled)
    tenths *= 8;
  out += R"(,"took_ms":)";
  append_number(out, tenths / 10);
  out += '.';
  append_number(out, tenths % 10);
}

void clickstream::append(std::string& out, partition_id p, std::uint64_t i) const {
  if (dice copies{shape_.seed + 2, to_index(p), i}; i >= copy_reach && copies.in(5, 1000))
    i -= 1 + copies.below(copy_reach);
  dice d{shape_.seed, to_index(p), i};
  auto begin = out.size();
  auto arrival = due(p, i);
  auto who = visit_of(p, i, d);
  auto troubled = in_outage(arrival - shape_.start) && d.in(1, 2);
  auto dirt = d.below(3000); // 0, 1, 2: a kind of dirt each

  out += R"({"ts":")";
  append_time(out, arrival - disorder(d));
  out += R"(","user":"u)";
  append_number(out, who.user);
  out += R"(","session":")";
  append_hex(out, who.session, 12);
  out += R"(","ip":")";
  dice home{shape_.seed + 3, who.user, 0};
  append_number(out, home.one_of(networks));
  for (int k = 0; k < 3; ++k) {
    out += '.';
    append_number(out, 1 + home.below(254));
  }
  out += R"(","page":")";
  append_page(out, d);
  out += '"';
  append_answer(out, d, who.bot, troubled, dirt == 0);
  if (!who.bot && (who.first || d.in(3, 5))) {
    out += R"(,"referrer":")";
    if (who.first)
      out += d.one_of(origins);
    else
      append_page(out, d);
    out += '"';
  }
  out += R"(,"agent":")";
  out += dirt == 1 ? std::string_view{"\xff\xfe\xc3("} : who.agent;
  out += R"("})";
  if (dirt == 2)
    out.resize(begin + (out.size() - begin) / 2);
}

} // namespace tidemill
