#!/usr/bin/env bash
# moveOn() of @xapi/cmi5 does not look at the launch's moveOn: who fails is "completed" as well.
#
# Versions:  @xapi/cmi5 1.4.0, jsdom 24.1.3 (npm).
# Guess:     moveOn({score}) sends what the moveOn criterion of the launch asks for, so below the mastery score
#            of a "Passed" unit it sends failed and nothing that claims completion.
# Happens:   for each of the five criteria it sends failed, completed, terminated, one request each, with
#            timestamps taken within a moment, often the same millisecond.
# Seen:      Passed, Completed, CompletedAndPassed, CompletedOrPassed, NotApplicable: failed completed terminated
# Matters:   a failing attempt satisfies CompletedOrPassed the moment it fails, so that criterion certifies
#            everybody who reaches the end. A course that means "passed" has to say Passed or CompletedAndPassed,
#            and statements of one instant need their order of arrival to be told apart.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund --ignore-scripts @xapi/cmi5@1.4.0 jsdom@24.1.3 >/dev/null

cat > run.cjs <<'JS'
const http = require('http');
const {JSDOM} = require('jsdom');
let moveOn, verbs;
const server = http.createServer((request, response) => {
  let body = '';
  request.on('data', (chunk) => { body += chunk; }).on('end', () => {
    response.setHeader('Content-Type', 'application/json');
    if (request.url.startsWith('/fetch')) return response.end('{"auth-token":"eDp5"}');
    if (request.url.includes('LMS.LaunchData')) {
      return response.end(JSON.stringify({
        moveOn, masteryScore: 0.8, launchMode: 'Normal',
        contextTemplate: {contextActivities: {grouping: [{id: 'http://example.org/course'}]}},
      }));
    }
    if (request.method === 'GET') return response.end('{}');
    verbs.push(JSON.parse(body).verb.id.split('/').pop());
    response.end('["6690e6c9-3ef0-4ed3-8b37-7f3964730bee"]');
  });
});
server.listen(0, '127.0.0.1', async () => {
  const base = `http://127.0.0.1:${server.address().port}`;
  const {window} = new JSDOM('', {url: `${base}/`});
  const names = ['document', 'XMLHttpRequest', 'location', 'navigator'];
  for (const name of names) Object.defineProperty(globalThis, name, {value: window[name], configurable: true});
  globalThis.window = window;
  const Cmi5 = require('./node_modules/@xapi/cmi5/dist/Cmi5.umd.js');
  for (moveOn of ['Passed', 'Completed', 'CompletedAndPassed', 'CompletedOrPassed', 'NotApplicable']) {
    verbs = [];
    const unit = new Cmi5({
      fetch: `${base}/fetch`, endpoint: `${base}/xapi/`, activityId: 'http://example.org/unit',
      actor: {objectType: 'Agent', account: {homePage: 'http://example.org', name: 'ana'}},
      registration: '6690e6c9-3ef0-4ed3-8b37-7f3964730bee',
    });
    await unit.initialize();
    await unit.moveOn({score: {scaled: 0.5}});
    console.log(`${moveOn}: ${verbs.join(' ')}`);
  }
  server.close();
});
JS
seen=$(node run.cjs)
echo "$seen"
for criterion in Passed Completed CompletedAndPassed CompletedOrPassed NotApplicable; do
  grep -qx "$criterion: initialized failed completed terminated" <<<"$seen" ||
    { echo "CHANGED: with moveOn $criterion other statements were sent"; exit 1; }
done
echo "holds: @xapi/cmi5 1.4.0 sends failed, completed and terminated whatever moveOn says"
