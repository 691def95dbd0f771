// Decides from the inputs and the event how `ci` is started.
'use strict'
const fs = require('node:fs')
const { input, isTrue } = require('./runner')

const REPLAY = 'read-only-require-hit'
const WITH_A_VALUE = [
  'min-hit-rate', 'max-misses', 'max-live', 'max-usd', 'allow-tunnel', 'commit', 'receipt', 'locked', 'junit',
]
const SWITCHES = ['fail-on-unused', 'fail-on-tunnel', 'require-traffic', 'allow-misses']

// The arguments of `ci`, and why the mode is not the one that was given, or ''.
function plan() {
  const why = input('forks') === 'as-given' ? '' : withoutSecrets()
  const given = input('mode') || (isTrue('refresh') ? 'write-only' : '')
  const mode = why ? REPLAY : given
  const values = WITH_A_VALUE.filter(input).flatMap((name) => [`--${name}`, input(name)])
  const switches = SWITCHES.filter(isTrue).map((name) => `--${name}`)
  const named = (mode || process.env.PROVIDER_PROXY_CACHE_MODE || '').toLowerCase().replaceAll('_', '-')
  const keys = named === REPLAY ? ['--dummy-keys'] : []
  return { args: ['ci', ...(mode ? ['--mode', mode] : []), ...keys, ...values, ...switches], why }
}

// Why GitHub gives this run no secrets, or ''.
function withoutSecrets() {
  const name = process.env.GITHUB_EVENT_NAME
  if (name === 'pull_request_target' || !process.env.GITHUB_EVENT_PATH) return ''
  const pull = JSON.parse(fs.readFileSync(process.env.GITHUB_EVENT_PATH, 'utf8')).pull_request
  if (!pull) return ''
  if (process.env.GITHUB_ACTOR === 'dependabot[bot]') return 'Dependabot has no secrets'
  const head = pull.head && pull.head.repo && pull.head.repo.full_name
  return head === process.env.GITHUB_REPOSITORY ? '' : 'a fork has no secrets'
}

module.exports = { plan }
