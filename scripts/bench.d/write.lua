-- Writes: KIND = post (batches of SIZE), put (single, client ids), repeated (known ids), multipart, empty.
-- AUTHS holds one Authorization value per line; requests take them in turn. PACE: milliseconds before each request.
package.path = os.getenv("BENCH_FOLDER") .. "/?.lua;" .. package.path
local S = require("statements")
local kind, size = os.getenv("KIND") or "post", tonumber(os.getenv("SIZE") or "1")
local TAILS = 3000
local threads = 0
function setup(thread) thread:set("number", threads); threads = threads + 1 end

local tails, headers, n, boundary, ids = {}, {}, 0, "laurel-bench", {}
function init()
  S.seed()
  for i = 1, TAILS do tails[i] = S.tail(number * 1009 + i) end
  local kinds = { multipart = "multipart/mixed; boundary=" .. boundary }
  for auth in (os.getenv("AUTHS") or ""):gmatch("[^\n]+") do
    headers[#headers + 1] = {
      ["Content-Type"] = kinds[kind] or "application/json", ["Authorization"] = auth,
      ["X-Experience-API-Version"] = os.getenv("VERSION") or "1.0.3",
    }
  end
  for i = 1, 500 do ids[i] = S.uuid() end
end

local function one(id)
  n = n + 1
  return '{"id":"' .. id .. tails[n % TAILS + 1]
end

local PNG = ("\137PNG0123456789abcdef"):rep(100)
local SHA = os.getenv("SHA")
local function multipart()
  local statement = one(S.uuid())
  statement = statement:sub(1, -2) .. ',"attachments":[{"usageType":"https://ext.example/proof","display":{"en-US":"Proof"},"contentType":"image/png","length":' .. #PNG .. ',"sha2":"' .. SHA .. '"}]}'
  return table.concat({
    "--", boundary, "\r\nContent-Type: application/json\r\n\r\n", statement,
    "\r\n--", boundary, "\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: binary\r\nX-Experience-API-Hash: ", SHA, "\r\n\r\n", PNG,
    "\r\n--", boundary, "--\r\n",
  })
end

local bodies = {
  post = function()
    if size == 1 then return one(S.uuid()) end
    local parts = {}
    for i = 1, size do parts[i] = one(S.uuid()) end
    return "[" .. table.concat(parts, ",") .. "]"
  end,
  -- the same id always with the same body: the store must answer as for the first time
  repeated = function()
    local parts = {}
    n = n + 1
    for i = 1, size do
      local k = (n * size + i) % #ids + 1
      parts[i] = '{"id":"' .. ids[k] .. tails[k]
    end
    return "[" .. table.concat(parts, ",") .. "]"
  end,
  multipart = multipart,
  empty = function() return one(S.uuid()) end,
}

function request()
  -- each learner writes to the store of the own organization
  local header = headers[S.learner(number * 1009 + (n + 1) % TAILS + 1) % S.ORGS % #headers + 1]
  if kind == "put" then
    local id = S.uuid()
    return wrk.format("PUT", wrk.path .. "?statementId=" .. id, header, one(id))
  end
  return wrk.format("POST", nil, header, bodies[kind]())
end
if os.getenv("PACE") then
  local pace = tonumber(os.getenv("PACE"))
  function delay() return pace end
end
function done(summary, latency) S.report(summary, latency, size) end
