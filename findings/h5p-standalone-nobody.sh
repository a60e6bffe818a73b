#!/usr/bin/env bash
# The statements of h5p-standalone are of nobody: as it comes, their actor is an account without the site it belongs to.
#
# Versions:  h5p-standalone 3.8.2, jsdom 24.1.3 (npm), with a content of one library made here.
# Guess:     what H5P tells by its xAPI events are whole statements; for who is not known it makes up an account, so one can
#            send them to a record store as they are.
# Happens:   the account has a random name and no homePage, because the player sets no siteUrl; a store has to refuse that.
#            A library of version 1.0 becomes the category H5P.Mini-1.undefined, for a minor version of 0 is left
#            out of its name. The activity is the folder's address on this host, whichever course it stands in.
# Seen:      actor {"account": {"name": UUID}}, category H5P.Mini-1.undefined (of 1.3: H5P.Mini-1.3), activity /course;
#            with window.H5PIntegration = {siteUrl} before the player: homePage there, the rest the same
# Matters:   every statement is answered 400, or, by a store that takes it, no two learners can be told apart for sure and
#            a second copy of the course is another activity. Whoever embeds the player gives actor, activity and registration
#            by itself, as Laurel does for each launch:
#            test_answered_h5p_content_is_an_award_and_a_report_sent_twice_is_one_statement.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund --ignore-scripts h5p-standalone@3.8.2 jsdom@24.1.3 >/dev/null

mkdir -p site/course/content site/course/H5P.Mini-1.0 site/course/H5P.Mini-1.3
cp -r node_modules/h5p-standalone/dist site/player
echo '{}' >site/course/content/content.json
for minor in 0 3; do
  echo '{"title": "Quiz", "language": "und", "mainLibrary": "H5P.Mini", "embedTypes": ["div"], "preloadedDependencies":
    [{"machineName": "H5P.Mini", "majorVersion": 1, "minorVersion": '$minor'}]}' >site/course/h5p.json.$minor
  echo '{"title": "Mini", "machineName": "H5P.Mini", "majorVersion": 1, "minorVersion": '$minor', "patchVersion": 0,
    "runnable": 1, "preloadedJs": [{"path": "mini.js"}]}' >site/course/H5P.Mini-1.$minor/library.json
  cat > site/course/H5P.Mini-1.$minor/mini.js <<'JS'
H5P.Mini = function (parameters, contentId) {
  H5P.EventDispatcher.call(this);
  this.contentId = contentId;
  this.attach = () => this.triggerXAPIScored(1, 3, 'answered');
};
H5P.Mini.prototype = Object.create(H5P.EventDispatcher.prototype);
JS
done

cat > run.cjs <<'JS'
const fs = require('fs');
const http = require('http');
const {JSDOM, VirtualConsole} = require('jsdom');
let minor;
const server = http.createServer((request, response) => {
  const path = request.url.replace('h5p.json', `h5p.json.${minor}`);
  fs.readFile(`site${path}`, (error, data) => { response.statusCode = error ? 404 : 200; response.end(data ?? ''); });
});

async function told(base, before = '') {
  const {window} = new JSDOM('<!doctype html><div id="here"></div>', {
    url: `${base}/page.html`, runScripts: 'dangerously', resources: 'usable', virtualConsole: new VirtualConsole(),
  });
  window.fetch = (address, options) => fetch(new URL(address, window.location.href), options);
  window.eval(before);
  const script = window.document.createElement('script');
  script.src = '/player/main.bundle.js';
  const loaded = new Promise((resolve) => { script.onload = resolve; });
  window.document.head.append(script);
  await loaded;
  const statement = new Promise((resolve) => {
    const listening = setInterval(() => {
      if (!window.H5P?.externalDispatcher) return;
      clearInterval(listening);
      window.H5P.externalDispatcher.on('xAPI', (event) => resolve(JSON.stringify(event.data.statement)));
    }, 1);
  });
  new window.H5PStandalone.H5P(window.document.getElementById('here'), {
    id: '1', h5pJsonPath: '/course', frameJs: '/player/frame.bundle.js', frameCss: '/player/styles/h5p.css',
  });
  const {actor, object, context} = JSON.parse(await statement);
  const category = context.contextActivities.category[0].id.split('/').pop();
  console.log(Object.keys(actor.account).join(' '), category, object.id.replace(base, ''));
  window.close();
}
server.listen(0, '127.0.0.1', async () => {
  const base = `http://127.0.0.1:${server.address().port}`;
  for (minor of [0, 3]) await told(base);
  await told(base, "window.H5PIntegration = {siteUrl: 'https://lms.example'}");
  process.exit();
});
JS
seen=$(timeout 100 node run.cjs)
want='name H5P.Mini-1.undefined /course
name H5P.Mini-1.3 /course
name homePage H5P.Mini-1.3 /course'
echo "$seen"
[ "$seen" = "$want" ] || { echo "CHANGED: expected $want"; exit 1; }
echo "holds: h5p-standalone 3.8.2 makes up accounts without a homePage"
