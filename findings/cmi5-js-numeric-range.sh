#!/usr/bin/env bash
# The right answers of a numeric question that @xapi/cmi5 writes are no range, and "at least 20" is written as ":".
#
# Version:   @xapi/cmi5 1.4.0, jsdom 24.1.3 (npm).
# Guess:     interactionNumeric() with {min: 20, max: 25} writes the pattern as xAPI prescribes it, 20[:]25, with the
#            brackets that its other questions have in [,] and [.]; with min alone, which its types allow, 20[:].
# Happens:   the range is written 20:25, which is neither a number nor a range, and with one limit alone that limit is
#            lost. A performance step with a range has the bare colon too, and the number of the step in place of its id.
# Seen:      {min: 20, max: 25} 20:25; {min: 20} ":"; {exact: 22} 22; sequencing a[,]b; matching a[.]1;
#            performance of step "a" 0[.]20:25
# Matters:   few stores look into correctResponsesPattern, which xAPI lets them pass by, so nothing is refused. A report
#            that marks by the pattern finds each numeric answer of these courses wrong. Mark by result.success; Laurel
#            keeps the pattern as it came and reads no verdict from it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund --ignore-scripts @xapi/cmi5@1.4.0 jsdom@24.1.3 >/dev/null

cat > run.cjs <<'JS'
const http = require('http');
const {JSDOM} = require('jsdom');
const sent = [];
const server = http.createServer((request, response) => {
  let body = '';
  request.on('data', (chunk) => { body += chunk; }).on('end', () => {
    response.setHeader('Content-Type', 'application/json');
    if (request.url.startsWith('/fetch')) return response.end('{"auth-token":"eDp5"}');
    if (request.url.includes('LMS.LaunchData')) {
      return response.end('{"moveOn":"Completed","launchMode":"Normal","contextTemplate":{}}');
    }
    if (request.method === 'GET') return response.end('{}');
    sent.push(JSON.parse(body));
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
  const unit = new Cmi5({
    fetch: `${base}/fetch`, endpoint: `${base}/xapi/`, activityId: 'http://example.org/unit',
    actor: {objectType: 'Agent', account: {homePage: 'http://example.org', name: 'ana'}},
    registration: '6690e6c9-3ef0-4ed3-8b37-7f3964730bee',
  });
  await unit.initialize();
  await unit.interactionNumeric('test', 'numeric', 22, {min: 20, max: 25});
  await unit.interactionNumeric('test', 'at-least', 22, {min: 20});
  await unit.interactionNumeric('test', 'exact', 22, {exact: 22});
  await unit.interactionSequencing('test', 'sequencing', ['a', 'b'], ['a', 'b']);
  await unit.interactionMatching('test', 'matching', {a: '1'}, {a: '1'});
  await unit.interactionPerformance('test', 'performance', {a: 22}, [{id: 'a', min: 20, max: 25}]);
  for (const {object, verb} of sent.filter((statement) => statement.verb.id.endsWith('answered'))) {
    console.log(object.id.split('/').pop(), ...object.definition.correctResponsesPattern);
  }
  server.close();
});
JS
seen=$(node run.cjs)
want='numeric 20:25
at-least :
exact 22
sequencing a[,]b
matching a[.]1
performance 0[.]20:25'
echo "$seen"
[ "$seen" = "$want" ] || { echo "CHANGED: expected $want"; exit 1; }
echo "holds: @xapi/cmi5 1.4.0 writes numeric ranges with a bare colon and loses a limit that stands alone"
