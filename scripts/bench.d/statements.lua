-- Realistic statements for wrk: 5,000 learners in 40 organizations, 500 activities in 25 courses, ten verbs.
-- generate.py makes the same statement for the same number, ids apart.
local bit = require("bit")
local format, tohex = string.format, bit.tohex
local M = { LEARNERS = 5000, ORGS = 40, ACTIVITIES = 500, COURSES = 25 }

local VERBS = {
  "launched", "initialized", "progressed", "experienced", "answered",
  "answered", "completed", "passed", "failed", "terminated",
}
local PLATFORMS = { "Storyline", "Rise", "Captivate", "Moodle" }
local LANGUAGES = { "en-US", "de-DE", "fr-FR", "es-ES" }

-- random version 4 ids: xorshift128 seeded from the kernel
local a, b, c, d
function M.seed()
  local file = io.open("/dev/urandom", "rb")
  local bytes = { file:read(16):byte(1, 16) }
  file:close()
  local function word(i) return bit.bor(bit.lshift(bytes[i], 24), bit.lshift(bytes[i + 1], 16), bit.lshift(bytes[i + 2], 8), bytes[i + 3]) end
  a, b, c, d = word(1), word(5), word(9), bit.bor(word(13), 1)
end
local function random()
  local t = bit.bxor(d, bit.lshift(d, 11))
  t = bit.bxor(t, bit.rshift(t, 8))
  d, c, b = c, b, a
  a = bit.bxor(a, bit.bxor(bit.rshift(a, 19), t))
  return a
end
function M.uuid()
  local w, x, y, z = tohex(random()), tohex(random()), tohex(random()), tohex(random())
  return w .. "-" .. x:sub(1, 4) .. "-4" .. x:sub(6, 8) .. "-" .. ("89ab"):sub(random() % 4 + 1, -1):sub(1, 1) .. y:sub(2, 4) .. "-" .. y:sub(5, 8) .. z
end

function M.learner(n) return (n * 7919) % M.LEARNERS end
function M.activity(n) return (n * 31) % M.ACTIVITIES end
function M.verb(n) return VERBS[n % #VERBS + 1] end
function M.mailbox(l) return format("mailto:learner%04d@partner%02d.example", l, l % M.ORGS) end
function M.activity_id(i) return format("https://lms.example/courses/c%02d/units/u%03d", i % M.COURSES, i) end
function M.registration(l, course) return format("00000000-0000-4000-8000-%06d%06d", l, course) end

-- the statement behind its id, so that a request only joins two strings
function M.tail(n)
  local l, i, v = M.learner(n), M.activity(n), M.verb(n)
  local course = i % M.COURSES
  return format([[","actor":{"objectType":"Agent","name":"Learner %04d","mbox":"%s"},"verb":{"id":"http://adlnet.gov/expapi/verbs/%s","display":{"en-US":"%s"}},"object":{"objectType":"Activity","id":"%s","definition":{"type":"http://adlnet.gov/expapi/activities/assessment","name":{"en-US":"Unit %03d: knowledge check"},"description":{"en-US":"Ten questions drawn at random from the bank of unit %03d; the best of three attempts counts towards the final grade."}}},"result":{"score":{"scaled":0.%02d,"raw":%d,"min":0,"max":100},"success":%s,"completion":%s,"duration":"PT%dM%dS"},"context":{"registration":"%s","platform":"%s","language":"%s","contextActivities":{"parent":[{"id":"https://lms.example/courses/c%02d/modules/m%d","objectType":"Activity"}],"grouping":[{"id":"https://lms.example/courses/c%02d","objectType":"Activity"}]},"extensions":{"https://ext.example/v1.2/session.info":{"browser":"Firefox 128.0","os":"Linux","address.hash":"%s"}}},"timestamp":"2026-%02d-%02dT%02d:%02d:%02d.%03dZ"}]],
    l, M.mailbox(l), v, v, M.activity_id(i), i, i, (n * 13) % 100, (n * 13) % 100,
    n % 3 ~= 0 and "true" or "false", n % 5 ~= 0 and "true" or "false", n % 50 + 1, n % 60,
    M.registration(l, course), PLATFORMS[n % 4 + 1], LANGUAGES[n % 4 + 1], course, i % 10, course, tohex((n * 40503) % 2147483647),
    n % 9 + 1, n % 28 + 1, n % 24, (n * 7) % 60, (n * 11) % 60, n % 1000)
end

function M.escape(text)
  return (text:gsub("[^%w%-%._~]", function(char) return format("%%%02X", char:byte()) end))
end

-- one line for drive.py
function M.report(summary, latency, size, more)
  local e = summary.errors
  local good, seconds = summary.requests - e.status, summary.duration / 1e6
  io.write(format('RESULT {"requests":%d,"not_2xx":%d,"socket_errors":%d,"timeouts":%d,"seconds":%.3f,"requests_s":%.2f,"statements_s":%.2f,"p50_ms":%.3f,"p90_ms":%.3f,"p99_ms":%.3f,"max_ms":%.3f%s}\n',
    summary.requests, e.status, e.connect + e.read + e.write, e.timeout, seconds, good / seconds, good * size / seconds,
    latency:percentile(50) / 1000, latency:percentile(90) / 1000, latency:percentile(99) / 1000, latency.max / 1000, more or ""))
end
return M
