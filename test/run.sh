#!/usr/bin/env bash
# npm test: everything that must hold, stage by stage. The last line counts what passed and what failed;
# a test that was skipped counts as failed. Exit code 0 only when nothing failed.
set -euo pipefail
cd "$(dirname "$0")/.."

passed=0
failed=0
scratch=$(mktemp -d)

finish() {
  # Also reached when a stage ends this script early, which is a failure of its own.
  if [ "$1" -ne 0 ] && [ "$failed" -eq 0 ]; then failed=1; fi
  # Named once more here: far above, among thousands that passed, nobody finds them.
  if [ -s "$scratch/failures.txt" ]; then printf '\n== not passed\n' && cat "$scratch/failures.txt"; fi
  rm -rf "$scratch"
  echo "$passed passed, $failed failed"
  if [ "$failed" -ne 0 ]; then exit 1; fi
}
trap 'finish $?' EXIT
trap 'exit 130' INT TERM

# stage <name> <command…>: runs it with a heading and its time; its exit code is left in $code.
stage() {
  local name=$1 start=$SECONDS
  shift
  printf '\n== %s\n' "$name"
  code=0
  "$@" || code=$?
  printf '== %s: exit code %d, %d s\n' "$name" "$code" "$((SECONDS - start))"
}

# once <name> <command…>: a stage that counts as one test.
once() {
  stage "$@"
  if [ "$code" -eq 0 ]; then count 1 0; else count 0 1; fi
}

count() {
  passed=$((passed + $1))
  failed=$((failed + $2))
}

# tally: adds "N M" (passed, failed) from stdin; a stage that gave no counts, or a red one that counted no failure,
# is one failure.
tally() {
  local good=0 bad=0
  read -r good bad || true
  if [ "$code" -ne 0 ] && [ "${bad:-0}" -eq 0 ]; then bad=1; fi
  if [ "${good:-0}" -eq 0 ] && [ "${bad:-0}" -eq 0 ]; then bad=1; fi
  count "${good:-0}" "${bad:-0}"
}

# test_counts <report>: "N M" from vitest's report: what passed, and all that did not: failed, skipped, or a file that
# did not load. Each of the latter gets its file, name and message in failures.txt.
test_counts() {
  node --input-type=commonjs -e '
    const { appendFileSync, readFileSync } = require("node:fs");
    const { testResults } = JSON.parse(readFileSync(process.argv[1], "utf8"));
    const tests = testResults.flatMap(({ name, message, assertionResults: tests }) =>
      tests.length > 0
        ? tests.map((test) => ({ file: name, ...test }))
        : [{ file: name, fullName: "", status: "did not load", failureMessages: [message] }],
    );
    const failed = tests.filter(({ status }) => status !== "passed");
    const text = ({ file, fullName, status, failureMessages = [] }) =>
      [`${file}: ${fullName} (${status})`, ...failureMessages.join("\n").split("\n").slice(0, 12)].join("\n  ") + "\n";
    appendFileSync(process.argv[2], failed.map(text).join(""));
    console.log(tests.length - failed.length, failed.length);
  ' "$1" "$scratch/failures.txt"
}

# All of them: npm run test:guards. Here the slice that relies on the tests just run.
guards() {
  npm run --silent test:guards -- --slice | tee "$scratch/guards.txt"
}

once "set-up" bash test/setup.sh
if [ "$failed" -ne 0 ]; then exit 1; fi
once "check" npm run --silent check

stage "tests" npx vitest run --config test/vitest.config.ts \
  --reporter=default --reporter=json --outputFile.json="$scratch/tests.json"
tally < <(test_counts "$scratch/tests.json")

# The stories again: two workers and two gateways on NATS, where everything above was one process.
stage "stories, split" env DAYMARK_STORIES=split npx vitest run --config test/vitest.config.ts test/stories \
  --reporter=default --reporter=json --outputFile.json="$scratch/split.json"
tally < <(test_counts "$scratch/split.json")

if [ "$failed" -ne 0 ]; then
  echo "the guards are not tried: their tests have to be green first"
  exit 1
fi
stage "guards" guards
tally < <(sed -nE '$s/^([0-9]+) passed, ([0-9]+) failed$/\1 \2/p' "$scratch/guards.txt")

for run in first second; do
  once "voyage, $run run on its data" node dist/fleet/cli/main.js voyage --once --data "$scratch/voyage"
done
