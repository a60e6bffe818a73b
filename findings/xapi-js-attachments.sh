#!/usr/bin/env bash
# @xapi/xapi loses attachments both ways: out of Node the boundary is missing, back in only the last line stays.
#
# Version:   @xapi/xapi 3.0.3 (npm), Node.
# Guess:     sendStatement with attachments is a multipart/mixed request, and getStatements with
#            attachments:true gives back the bytes that were stored.
# Happens:   with the default adapter in Node the body is multipart, but the header that goes out is
#            application/octet-stream, so no store can know the boundary; with adapter "fetch" the header is right.
#            Reading splits each part at line ends and keeps the last piece, with either adapter.
# Seen:      sent by axios as application/octet-stream; sent by fetch as multipart/mixed;
#            "score,name\r\n80,Ana" came back as "80,Ana"
# Matters:   a store refuses the first with 400 and is right; support has to name the adapter. And a sha2 over
#            an attachment that this client read back never fits a text of several lines, although the store
#            answered every byte.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund --ignore-scripts @xapi/xapi@3.0.3 >/dev/null

cat > run.cjs <<'JS'
const http = require('http');
const XAPI = require('@xapi/xapi').default || require('@xapi/xapi');
const text = 'score,name\r\n80,Ana';
const statement = {
  actor: {mbox: 'mailto:ana@example.org'},
  verb: {id: 'http://adlnet.gov/expapi/verbs/completed'},
  object: {id: 'http://example.org/activity'},
  attachments: [{
    usageType: 'http://example.org/usage', display: {en: 'Scores'}, contentType: 'text/csv', length: text.length,
    sha2: require('crypto').createHash('sha256').update(text).digest('hex'),
  }],
};
const sent = [];
const server = http.createServer((request, response) => {
  request.resume().on('end', () => {
    if (request.method === 'GET') {
      const json = JSON.stringify({statements: [statement], more: ''});
      response.setHeader('Content-Type', 'multipart/mixed; boundary=edge');
      response.end([
        '--edge', 'Content-Type: application/json', '', json,
        '--edge', 'Content-Type: text/csv', 'Content-Transfer-Encoding: binary',
        `X-Experience-API-Hash: ${statement.attachments[0].sha2}`, '', text, '--edge--', '',
      ].join('\r\n'));
    } else {
      sent.push(request.headers['content-type'].split(';')[0]);
      response.setHeader('Content-Type', 'application/json');
      response.end('["6690e6c9-3ef0-4ed3-8b37-7f3964730bee"]');
    }
  });
});
server.listen(0, '127.0.0.1', async () => {
  const read = [];
  for (const adapter of [undefined, 'fetch']) {
    const client = new XAPI({endpoint: `http://127.0.0.1:${server.address().port}/xapi/`, auth: 'Basic eDp5', adapter});
    await client.sendStatement({statement, attachments: [new TextEncoder().encode(text).buffer]});
    read.push((await client.getStatements({attachments: true})).data[1]);
  }
  console.log(`sent: ${sent.join(', ')}; read: ${read.join(' and ')}`);
  server.close();
});
JS
seen=$(node run.cjs)
want='sent: application/octet-stream, multipart/mixed; read: 80,Ana and 80,Ana'
echo "seen: $seen"
[ "$seen" = "$want" ] || { echo "CHANGED: expected $want"; exit 1; }
echo "holds: @xapi/xapi 3.0.3 sends attachments without a boundary by axios and reads back their last line"
