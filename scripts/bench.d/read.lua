-- Reads: SHAPE names one of the queries below, which ask for the known statements of generate.py.
-- AUTHS holds one Authorization value for each organization, or one for all that names the organization it reads;
-- IDS and MORE are files of "organization id" and "organization path". COUNT counts the statements answered.
package.path = os.getenv("BENCH_FOLDER") .. "/?.lua;" .. package.path
local S = require("statements")
local format = string.format
local shape, count = os.getenv("SHAPE"), os.getenv("COUNT")
local PEOPLE, ACTIVITIES = 5, 5
local threads = {}
function setup(thread) thread:set("number", #threads); table.insert(threads, thread) end

local n, headers, lines, base = 0, {}, {}, nil
local since = S.escape(os.getenv("SINCE") or "")
answered, answers = 0, 0
local function org(k) return k % S.ORGS end
local function learner(k) return S.LEARNERS + org(k) + S.ORGS * (math.floor(k / S.ORGS) % PEOPLE) end
local function unit(k) return S.ACTIVITIES + math.floor(k / 7) % ACTIVITIES end
local function agent(k) return S.escape('{"mbox":"' .. S.mailbox(learner(k)) .. '"}') end
local function activity(k) return S.escape(S.activity_id(unit(k))) end
local function verb(k) return S.escape("http://adlnet.gov/expapi/verbs/" .. S.verb(math.floor(k / 3))) end
local function course(k) return S.escape(format("https://lms.example/courses/c%02d", unit(k) % S.COURSES)) end

local shapes = {
  agent = function(k) return "?limit=50&agent=" .. agent(k) end,
  agent_related = function(k) return "?limit=50&related_agents=true&agent=" .. agent(k) end,
  activity = function(k) return "?limit=50&activity=" .. activity(k) end,
  activity_related = function(k) return "?limit=50&related_activities=true&activity=" .. course(k) end,
  verb_since = function(k) return "?limit=25&verb=" .. verb(k) .. "&since=" .. since end,
  registration = function(k) return "?limit=50&registration=" .. S.registration(learner(k), unit(k) % S.COURSES) end,
  agent_verb = function(k) return "?limit=50&agent=" .. agent(k) .. "&verb=" .. verb(k) end,
  agent_activity = function(k) return "?limit=50&agent=" .. agent(k) .. "&activity=" .. activity(k) end,
  agent_activity_verb = function(k) return "?limit=50&agent=" .. agent(k) .. "&activity=" .. activity(k) .. "&verb=" .. verb(k) end,
  first_page = function() return "?limit=100" end,
  ascending = function() return "?limit=100&ascending=true" end,
  canonical = function(k) return "?limit=50&format=canonical&agent=" .. agent(k) end,
  state = function(k) return "?activityId=" .. activity(k % 200) .. "&agent=" .. agent(k % 200) .. "&stateId=resume" end,
}
local listed = { statement = os.getenv("IDS"), page_100 = os.getenv("MORE") }

function init()
  n = number * 1000003
  for auth in (os.getenv("AUTHS") or ""):gmatch("[^\n]+") do
    headers[#headers + 1] = { ["Authorization"] = auth, ["X-Experience-API-Version"] = os.getenv("VERSION") or "1.0.3" }
    if os.getenv("WRITE_STATE") then headers[#headers]["Content-Type"] = "application/octet-stream" end
  end
  base = wrk.path
  if listed[shape] then
    for line in io.lines(listed[shape]) do lines[#lines + 1] = line end
  end
end

local function question()
  if not listed[shape] then return org(n), base .. shapes[shape](n) end
  local place, what = lines[n * 7919 % #lines + 1]:match("(%d+) (.+)")
  return tonumber(place), shape == "statement" and base .. "?statementId=" .. what or what
end
function request()
  n = n + 1
  local place, target = question()
  if os.getenv("WRITE_STATE") then return wrk.format("PUT", target, headers[1], ("progress %08d;"):format(n):rep(40)) end
  if #headers == 1 and shape ~= "state" then target = target .. format("&org=partner-%02d", place) end
  return wrk.format("GET", target, headers[place % #headers + 1])
end
if count then
  function response(_, _, body)
    local _, found = body:gsub('"stored":"', "")
    answered, answers = answered + found, answers + 1
  end
end
function done(summary, latency)
  local found, asked = 0, 0
  for _, thread in ipairs(threads) do found, asked = found + thread:get("answered"), asked + thread:get("answers") end
  S.report(summary, latency, 1, format(',"answered":%.2f', found / math.max(1, asked)))
end
