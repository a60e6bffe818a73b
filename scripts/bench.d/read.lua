-- Reads: SHAPE names one of the queries below; IDS is a file of statement ids; MORE a path of page 100.
package.path = os.getenv("BENCH_FOLDER") .. "/?.lua;" .. package.path
local S = require("statements")
local shape, org = os.getenv("SHAPE"), tonumber(os.getenv("ORG") or "-1")
local threads = 0
function setup(thread) thread:set("number", threads); threads = threads + 1 end

local n, header, ids, base = 0, nil, {}, nil
local since, more = S.escape(os.getenv("SINCE") or ""), os.getenv("MORE")
-- a learner of the organization that is asked, so that answers are not empty
local function learner(k)
  local l = S.learner(k)
  if org >= 0 then l = l - l % S.ORGS + org end
  return l
end
local function agent(k) return S.escape('{"mbox":"' .. S.mailbox(learner(k)) .. '"}') end
local function activity(k) return S.escape(S.activity_id(S.activity(k))) end
local function verb(k) return S.escape("http://adlnet.gov/expapi/verbs/" .. S.verb(k)) end
local function course(k) return S.escape(string.format("https://lms.example/courses/c%02d", k % S.COURSES)) end

local shapes = {
  agent = function(k) return "?limit=50&agent=" .. agent(k) end,
  agent_related = function(k) return "?limit=50&related_agents=true&agent=" .. agent(k) end,
  activity = function(k) return "?limit=50&activity=" .. activity(k) end,
  activity_related = function(k) return "?limit=50&related_activities=true&activity=" .. course(k) end,
  verb_since = function(k) return "?limit=50&verb=" .. verb(k) .. "&since=" .. since end,
  registration = function(k) return "?limit=50&registration=" .. S.registration(learner(k), S.activity(k) % S.COURSES) end,
  agent_verb = function(k) return "?limit=50&agent=" .. agent(k) .. "&verb=" .. verb(k) end,
  agent_activity_verb = function(k) return "?limit=50&agent=" .. agent(k) .. "&activity=" .. activity(k) .. "&verb=" .. verb(k) end,
  statement = function(k) return "?statementId=" .. ids[(k * 7919) % #ids + 1] end,
  first_page = function() return "?limit=100" end,
  ascending = function() return "?limit=100&ascending=true" end,
  canonical = function(k) return "?limit=50&format=canonical&agent=" .. agent(k) end,
  page_100 = function() return more end,
  state = function(k) return "?activityId=" .. activity(k % 200) .. "&agent=" .. agent(k % 200) .. "&stateId=resume" end,
}

function init()
  n = number * 1000003
  header = { ["Authorization"] = os.getenv("AUTHS"), ["X-Experience-API-Version"] = os.getenv("VERSION") or "1.0.3" }
  if os.getenv("WRITE_STATE") then header["Content-Type"] = "application/octet-stream" end
  base = wrk.path
  if shape == "statement" then
    for line in io.lines(os.getenv("IDS")) do ids[#ids + 1] = line end
  end
end
function request()
  n = n + 1
  local target = shapes[shape](n)
  if target:sub(1, 1) == "?" then target = base .. target end
  if os.getenv("WRITE_STATE") then return wrk.format("PUT", target, header, ("progress %08d;"):format(n):rep(40)) end
  return wrk.format("GET", target, header)
end
function done(summary, latency) S.report(summary, latency, 1) end
