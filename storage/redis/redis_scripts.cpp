#include "storage/redis/redis_scripts.hpp"

namespace tidemill::redis_scripts {

const std::string_view begin = R"(
local function less(a, b) if #a ~= #b then return #a < #b end return a < b end
local have = redis.call('HMGET', KEYS[1], 'epoch', 'offset')
if have[1] and less(ARGV[1], have[1]) then return -1 end
if ARGV[2] == '1' then
  redis.call('HSET', KEYS[1], 'epoch', ARGV[1])
  redis.call('HDEL', KEYS[1], 'offset')
  return 1
end
if have[1] ~= ARGV[1] or have[2] ~= ARGV[3] then return 0 end
return 1
)";

const std::string_view commit = R"(
local function less(a, b) if #a ~= #b then return #a < #b end return a < b end
local have = redis.call('HMGET', KEYS[1], 'epoch', 'offset')
if have[1] and less(ARGV[1], have[1]) then return -1 end
if have[1] ~= ARGV[1] or (have[2] or '') ~= ARGV[5] then return 0 end
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'offset', ARGV[2], 'watermark', ARGV[3], 'updated', ARGV[4])
return 1
)";

const std::string_view row = R"(
local function less(a, b) if #a ~= #b then return #a < #b end return a < b end
local epoch, offset, ttl, mode, window = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]
local have = redis.call('HMGET', KEYS[1], 'e', 'o', 'w')
if have[1] then
  if less(epoch, have[1]) then return -1 end
  if have[1] == epoch and have[2] and not less(have[2], offset) then return 0 end
end
local last = 8 + tonumber(ARGV[8])
if mode == 'put' and have[1] == epoch and have[3] and window < have[3] then
  redis.call('HSET', KEYS[1], 'o', offset)
else
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'e', epoch, 'o', offset)
  if mode ~= 'remove' then
    redis.call('HSET', KEYS[1], 'w', window)
    for i = 9, last, 1000 do redis.call('HSET', KEYS[1], unpack(ARGV, i, math.min(i + 999, last))) end
  end
end
-- What is left of a removed key only keeps old writers out.
if mode == 'remove' then redis.call('PEXPIRE', KEYS[1], 600000)
elseif ttl > 0 then redis.call('PEXPIRE', KEYS[1], ttl) end
if ARGV[6] ~= '' then
  if ARGV[6] == 'reset' or mode == 'remove' then redis.call('DEL', KEYS[2]) end
  for i = last + 1, #ARGV, 2 do
    redis.call('ZREMRANGEBYSCORE', KEYS[2], ARGV[i], ARGV[i])
    if ARGV[i + 1] ~= '' then redis.call('ZADD', KEYS[2], ARGV[i], ARGV[i + 1]) end
  end
  if ARGV[7] ~= '' then redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[7]) end
  redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -10001)
  if ttl > 0 then redis.call('PEXPIRE', KEYS[2], ttl) end
end
return 1
)";

const std::string_view index = R"(
local function less(a, b) if #a ~= #b then return #a < #b end return a < b end
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if epoch and less(ARGV[1], epoch) then return -1 end
for i = 3, #ARGV, 3 do
  local what, key, score = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  if what == 'remove' then
    redis.call('ZREM', KEYS[2], key)
  else
    local have = redis.call('ZSCORE', KEYS[2], key)
    if what == 'set' or not have or tonumber(have) < tonumber(score) then
      redis.call('ZADD', KEYS[2], score, key)
    end
  end
end
if tonumber(ARGV[2]) > 0 then redis.call('PEXPIRE', KEYS[2], ARGV[2]) end
return 1
)";

const std::string_view append = R"(
local function less(a, b) if #a ~= #b then return #a < #b end return a < b end
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if epoch and less(ARGV[1], epoch) then return -1 end
local i = 3
while i <= #ARGV do
  local n = tonumber(ARGV[i + 1])
  local done = redis.pcall('XADD', KEYS[2], 'MAXLEN', '~', '10000', ARGV[i], unpack(ARGV, i + 2, i + 1 + n))
  if type(done) == 'table' and done.err and not string.find(done.err, 'equal or smaller', 1, true) then
    return done
  end
  i = i + 2 + n
end
if tonumber(ARGV[2]) > 0 then redis.call('PEXPIRE', KEYS[2], ARGV[2]) end
return 1
)";

} // namespace tidemill::redis_scripts
