#include "storage/kafka/held_record.hpp"

#include "storage/kafka/handles.hpp"

#include <array>

namespace tidemill {
namespace {

using header_list = std::unique_ptr<rd_kafka_headers_t, kafka_deleter<rd_kafka_headers_destroy>>;

void assign(std::optional<std::string>& to, const std::optional<std::string_view>& from) {
  if (!from)
    to.reset();
  else if (to)
    to->assign(*from);
  else
    to.emplace(*from);
}

void add(const header_list& to, std::string_view name, const std::string& value) {
  rd_kafka_header_add(to.get(), name.data(), static_cast<ssize_t>(name.size()), value.data(),
                      static_cast<ssize_t>(value.size()));
}

rd_kafka_vu_t part(rd_kafka_vtype_t type, const std::optional<std::string>& text) {
  rd_kafka_vu_t out{};
  out.vtype = type;
  out.u.mem.ptr = text ? const_cast<char*>(text->data()) : nullptr;
  out.u.mem.size = text ? text->size() : 0;
  return out;
}

} // namespace

void held_record::hold(const kafka_record& r) {
  assign(key, r.key);
  assign(value, r.value);
  header_name.assign(r.header_name);
  header_value.assign(r.header_value);
  partition = r.partition;
  full = true;
}

int held_record::produce(rd_kafka_s* client, rd_kafka_topic_s* to,
                         const std::vector<std::pair<std::string, std::string>>& headers,
                         const std::string* progress) const {
  header_list list{rd_kafka_headers_new(headers.size() + 2)};
  if (!header_name.empty())
    add(list, header_name, header_value);
  for (const auto& [name, text] : headers)
    add(list, name, text);
  if (progress != nullptr)
    add(list, progress_header, *progress);
  std::array<rd_kafka_vu_t, 6> parts{};
  parts[0].vtype = RD_KAFKA_VTYPE_RKT;
  parts[0].u.rkt = to;
  parts[1].vtype = RD_KAFKA_VTYPE_PARTITION;
  parts[1].u.i32 = partition;
  parts[2] = part(RD_KAFKA_VTYPE_KEY, key);
  parts[3] = part(RD_KAFKA_VTYPE_VALUE, value);
  parts[4].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
  parts[4].u.i = RD_KAFKA_MSG_F_COPY;
  parts[5].vtype = RD_KAFKA_VTYPE_HEADERS;
  parts[5].u.headers = list.get();
  kafka_failure failed{rd_kafka_produceva(client, parts.data(), parts.size())};
  if (failed)
    return rd_kafka_error_code(failed.get());
  (void)list.release(); // the record's now
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

} // namespace tidemill
