#include "bench/ysb/events.hpp"

#include <algorithm>
#include <array>

namespace tidemill {
namespace {

constexpr std::size_t user_count = 100;
constexpr std::size_t page_count = 100;
constexpr std::array<std::string_view, 5> ad_types{"banner", "modal", "sponsored-search", "mail", "mobile"};
constexpr std::array<std::string_view, 3> event_types{"view", "click", "purchase"};

// A random UUID, version 4 of RFC 4122.
std::string uuid(std::mt19937_64& random) {
  constexpr std::string_view form = "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx";
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text{form};
  for (auto& c : text)
    if (c == 'x' || c == 'y')
      c = digits[c == 'x' ? random() >> 60 : 8 + (random() >> 62)];
  return text;
}

std::vector<std::string> uuids(std::size_t count, std::mt19937_64& random) {
  std::vector<std::string> all(count);
  std::generate(all.begin(), all.end(), [&] { return uuid(random); });
  return all;
}

// Takes the lowest digit of `number`, written in the base `n`.
std::size_t draw(std::uint64_t& number, std::size_t n) noexcept {
  auto digit = number % n;
  number /= n;
  return digit;
}

} // namespace

ysb_events::ysb_events(ysb_settings settings)
    : settings_{settings}, random_{settings.seed}, users_{uuids(user_count, random_)}, pages_{uuids(
                                                                                           page_count,
                                                                                           random_)},
      ads_{uuids(static_cast<std::size_t>(settings.campaigns * settings.ads_per_campaign), random_)},
      campaigns_{uuids(static_cast<std::size_t>(settings.campaigns), random_)}, newest_ms_{settings.start_ms},
      first_window_{settings.start_ms / window_ms - 7} {}

std::int64_t ysb_events::time_of_next() {
  auto at = settings_.start_ms + static_cast<std::int64_t>(events_) * settings_.spacing_us / 1000;
  if (settings_.skew) {
    auto number = random_();
    at += static_cast<std::int64_t>(draw(number, 100)) - 50;
    if (draw(number, 100'000) == 0)
      at -= static_cast<std::int64_t>(draw(number, 60'000));
  }
  return at;
}

std::string_view ysb_events::next() {
  auto at = time_of_next();
  // One number for all draws: the product of the choices is below 2^41, so the bias is below 2^-23.
  auto number = random_();
  auto user = draw(number, users_.size());
  auto page = draw(number, pages_.size());
  auto ad = draw(number, ads_.size());
  auto ad_type = draw(number, ad_types.size());
  auto event_type = draw(number, event_types.size());
  ++events_;
  newest_ms_ = std::max(newest_ms_, at);
  if (event_type == 0)
    count(at, ad);
  text_.clear();
  text_.append(R"({"user_id": ")").append(users_[user]);
  text_.append(R"(", "page_id": ")").append(pages_[page]);
  text_.append(R"(", "ad_id": ")").append(ads_[ad]);
  text_.append(R"(", "ad_type": ")").append(ad_types[ad_type]);
  text_.append(R"(", "event_type": ")").append(event_types[event_type]);
  text_.append(R"(", "event_time": ")").append(std::to_string(at));
  text_.append(R"(", "ip_address": "1.2.3.4"})");
  return text_;
}

void ysb_events::count(std::int64_t at, std::size_t ad) {
  auto window = static_cast<std::size_t>(at / window_ms - first_window_);
  auto campaign = ad / static_cast<std::size_t>(settings_.ads_per_campaign);
  if (counted_.size() < (window + 1) * campaigns_.size())
    counted_.resize((window + 1) * campaigns_.size());
  ++counted_[window * campaigns_.size() + campaign];
  ++views_;
}

std::string ysb_events::campaigns_csv() const {
  std::string text = "ad_id,campaign_id\n";
  for (std::size_t ad = 0; ad < ads_.size(); ++ad) {
    auto campaign = ad / static_cast<std::size_t>(settings_.ads_per_campaign);
    text.append(ads_[ad]).append(",").append(campaigns_[campaign]).append("\n");
  }
  return text;
}

std::string ysb_events::expected_csv() const {
  std::string text = "campaign_id,window_start,views\n";
  for (std::size_t i = 0; i < counted_.size(); ++i) {
    if (counted_[i] == 0)
      continue;
    auto window = first_window_ + static_cast<std::int64_t>(i / campaigns_.size());
    text.append(campaigns_[i % campaigns_.size()]).append(",");
    text.append(std::to_string(window * window_ms)).append(",");
    text.append(std::to_string(counted_[i])).append("\n");
  }
  return text;
}

} // namespace tidemill
