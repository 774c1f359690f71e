#include "http/lane.hpp"

#include "http/socket.hpp"

namespace tidemill {
namespace {

std::string http_date(std::time_t seconds) {
  static constexpr const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                           "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto c = to_civil(seconds);
  const auto two = [](unsigned n) {
    return std::string{static_cast<char>('0' + n / 10), static_cast<char>('0' + n % 10)};
  };
  return std::string{days[c.weekday]} + ", " + two(c.day) + " " + months[c.month - 1] + " " +
         std::to_string(c.year) + " " + two(c.hour) + ":" + two(c.minute) + ":" + two(c.second) + " GMT";
}

} // namespace

void lane::run() {
  wait_for_tick();
  for (;;)
    try {
      context.run();
      return;
    } catch (...) {
      // The handler that threw held the only owner of its connection, which is closed by now.
      ++state.errors;
    }
}

void lane::wait_for_tick() {
  timer.expires_after(state.settings.tick);
  timer.async_wait([this](const boost::system::error_code& failure) {
    if (!failure)
      tick();
  });
}

void lane::tick() {
  wait_for_tick(); // first, so that nothing below can end the ticking
  const auto now = std::chrono::steady_clock::now();
  if (const auto seconds = std::time(nullptr); seconds != date_of || date.empty()) {
    date_of = seconds;
    date = http_date(seconds);
  }
  if (readers.content() == nullptr) {
    if (auto content = state.content.load())
      readers.serve(std::move(content));
  } else {
    readers.refresh();
  }
  std::vector<std::shared_ptr<connection>> all;
  all.reserve(connections.size());
  for (const auto& [key, weak] : connections)
    if (auto c = weak.lock())
      all.push_back(std::move(c));
  const bool going = state.stopping;
  if (going && !std::exchange(said_goodbye, true)) {
    end = now + state.limits.farewell;
    for (const auto& c : all)
      c->leave(now);
  }
  for (const auto& c : all)
    try {
      c->check(now);
    } catch (...) {
      ++state.errors;
    }
  if (going && (all.empty() || now > end))
    context.stop();
}

connection::~connection() {
  if (lane_.connections.erase(this) > 0)
    --lane_.state.connections;
}

void connection::enter() {
  lane_.connections.emplace(this, weak_from_this());
  ++lane_.state.connections;
}

void write_watch::start(int fd, steady_time now) {
  acknowledged_ = bytes_acknowledged(fd);
  moved_ = now;
}

bool write_watch::stalled(int fd, steady_time now, std::chrono::milliseconds patience) {
  // A look costs a system call, so there is none before half the patience is over.
  if (now - moved_ < patience / 2)
    return false;
  if (const auto acknowledged = bytes_acknowledged(fd); acknowledged != acknowledged_) {
    acknowledged_ = acknowledged;
    moved_ = now;
  }
  return now - moved_ > patience;
}

} // namespace tidemill
