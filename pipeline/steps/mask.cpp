#include "event/ip_address.hpp"
#include "pipeline/steps/steps.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <optional>

namespace tidemill {
namespace {

enum class how : std::uint8_t { hash, network, redact };

struct mask_settings {
  struct place {
    std::string field;
    std::size_t from = 0, to = 0; ///< columns
    type of;                      ///< of the new one
  };
  std::vector<place> places;
  how by = how::hash;
  std::string salt;
  int v4 = 24, v6 = 48;                 ///< leading bits of addresses that are kept
  std::shared_ptr<const RE2> pattern{}; ///< what is redacted
  std::string with;
};

/// The first half of HMAC-SHA256, as 32 hex digits: who doesn't know the salt can neither undo it nor try
/// values.
std::string keyed_hash(std::string_view salt, std::string_view text) {
  constexpr std::size_t kept = 16;
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  HMAC(EVP_sha256(), salt.data(), static_cast<int>(salt.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), &length);
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < kept; ++i) {
    out += digits[digest[i] >> 4];
    out += digits[digest[i] & 15];
  }
  return out;
}

class mask : public step, public step_plan {
public:
  explicit mask(mask_settings s) : s_(std::move(s)) {}

  std::unique_ptr<step> instance() const override { return std::make_unique<mask>(s_); }

  void apply(event_batch& batch, const step_context&, std::vector<cel::row_error>& failures) override {
    for (const auto& p : s_.places) {
      if (batch.columns.size() <= p.to)
        batch.columns.resize(p.to + 1);
      column out{p.of};
      out.resize(batch.rows());
      failed_.clear();
      for (auto row : batch.selected)
        if (batch.columns[p.from].is_null(row))
          out.set_null(row);
        else if (auto masked = masked_value(batch.columns[p.from], row))
          out.as<std::string_view>()[row] = out.memory().copy(*masked);
        else
          failed_.push_back({row, masked.error().in("field " + p.field)});
      batch.columns[p.to] = std::move(out);
      drop_failed(batch.selected, failed_);
      failures.insert(failures.end(), failed_.begin(), failed_.end());
    }
  }

private:
  [[nodiscard]] result<std::string> masked_value(const column& from, std::uint32_t row) {
    if (s_.by == how::hash) {
      if (from.of().is(kind::string))
        return keyed_hash(s_.salt, from.as<std::string_view>()[row]);
      bytes_.clear();
      append_encoded(bytes_, from, row);
      return keyed_hash(s_.salt, bytes_);
    }
    const auto text = from.as<std::string_view>()[row];
    if (s_.by == how::network) {
      TIDEMILL_TRY(auto address, parse_ip(text));
      const auto bits = address.is_v4() ? 96 + s_.v4 : s_.v6;
      return to_string(cidr_block{address, static_cast<std::uint8_t>(bits)}.masked().address);
    }
    std::string redacted{text};
    RE2::GlobalReplace(&redacted, *s_.pattern, s_.with);
    return redacted;
  }

  mask_settings s_;
  std::vector<cel::row_error> failed_;
  std::string bytes_;
};

/// What depends on the way of masking. `path`: of the step.
void read_ways(const component& c, mask_settings& s, std::vector<diagnostic>& out) {
  auto complain = [&](const char* field, std::string text, std::string hint = {}) {
    out.push_back(
        fault_at(c.settings.where(field), std::string{"mask."} + field, std::move(text), std::move(hint)));
  };
  const auto way = c.settings.text("how");
  s.by = way == "hash" ? how::hash : way == "network" ? how::network : how::redact;
  s.salt = c.settings.text("salt");
  if (s.by == how::hash && s.salt.size() < 16)
    complain("salt",
             c.settings.has("salt") ? "a salt of fewer than 16 bytes can be found by trying"
                                    : "without a salt everybody can make the same hashes",
             "salt: \"${SALT:?a secret of 16 bytes or more}\"");
  s.v4 = static_cast<int>(c.settings.integer("v4", 24));
  s.v6 = static_cast<int>(c.settings.integer("v6", 48));
  if (s.v4 < 0 || s.v4 > 32)
    complain("v4", "an IPv4 address has 32 bits");
  if (s.v6 < 0 || s.v6 > 128)
    complain("v6", "an IPv6 address has 128 bits");
  if (s.by != how::redact)
    return;
  if (!c.settings.has("pattern"))
    return complain("pattern", "what is redacted?", "pattern: '[0-9]{13,16}'");
  RE2::Options quiet;
  quiet.set_log_errors(false);
  s.pattern = std::make_shared<const RE2>(c.settings.text("pattern"), quiet);
  if (!s.pattern->ok())
    return complain("pattern", "no regular expression (RE2): " + s.pattern->error());
  s.with = c.settings.text("with", "***");
  std::string why;
  if (!s.pattern->CheckRewriteString(s.with, &why))
    complain("with", why, "\\0 is what was found, \\1 its first group; a backslash is \\\\");
}

std::unique_ptr<step_plan> compile(const component& c, step_scope& scope, std::vector<diagnostic>& out) {
  const auto before = out.size();
  mask_settings s;
  read_ways(c, s, out);
  std::vector<std::string> known;
  for (const auto& f : scope.fields.fields())
    known.push_back(f.name);
  for (const auto& name : c.settings.texts("fields")) {
    const auto at = scope.fields.find(name.text);
    if (!at) {
      out.push_back(
          fault_at(name.at, "mask.fields", "no field \"" + name.text + '"', did_you_mean(name.text, known)));
      continue;
    }
    const auto of = scope.fields[*at].of;
    const auto text = of.is(kind::string);
    if (!text && (s.by != how::hash || of.is(kind::list) || of.is(kind::map) || of.is(kind::dyn)))
      out.push_back(
          fault_at(name.at, "mask.fields", name.text + " can't be masked so: it is " + to_string(of)));
    const auto from = scope.slots[*at];
    scope.reads(from);
    s.places.push_back({name.text, from, scope.columns++, type{kind::string, of.nullable()}});
    scope.fields.set({name.text, s.places.back().of, {}, time_format::rfc3339});
    scope.slots[*at] = s.places.back().to;
  }
  return out.size() == before ? std::make_unique<mask>(std::move(s)) : nullptr;
}

} // namespace

step_entry mask_step() {
  return {
      {.name = "mask",
       .summary = "Replaces fields by what tells less of them. Null stays null.",
       .example = "mask: {fields: [user], how: hash, salt: \"0123456789abcdef, from a secret place\"}",
       .fields = {{.name = "fields",
                   .type = field_type::texts,
                   .text = "The fields.",
                   .required = true,
                   .foreign = {"field", "columns"}},
                  {.name = "how",
                   .type = field_type::choice,
                   .text =
                       "`hash`: equal values stay equal, and nothing else is known of them; `network`: an IP "
                       "address loses its last bits; `redact`: parts of a text are replaced.",
                   .required = true,
                   .choices = {"hash", "network", "redact"},
                   .foreign = {"type", "method", "with_function"}},
                  {.name = "salt",
                   .type = field_type::text,
                   .text = "For `hash`: a secret of 16 bytes or more. Another salt gives other hashes.",
                   .foreign = {"key", "secret"}},
                  {.name = "v4",
                   .type = field_type::integer,
                   .text = "For `network`: leading bits of IPv4 addresses that are kept.",
                   .fallback = "24"},
                  {.name = "v6",
                   .type = field_type::integer,
                   .text = "For `network`: leading bits of IPv6 addresses that are kept.",
                   .fallback = "48"},
                  {.name = "pattern",
                   .type = field_type::text,
                   .text = "For `redact`: what is replaced, a regular expression (RE2).",
                   .foreign = {"regex", "match"}},
                  {.name = "with",
                   .type = field_type::text,
                   .text = "For `redact`: by what; `\\0` is what was found, `\\1` its first group.",
                   .fallback = "***",
                   .foreign = {"replacement", "replace"}}}},
      compile};
}

} // namespace tidemill
