// Sets provider-proxy up from the checkout in which this action lies, brings the recordings, and starts the proxy.
'use strict'
const path = require('node:path')
const { plan } = require('./lib/plan')
const { python } = require('./lib/python')
const recordings = require('./lib/recordings')
const { addPath, fail, input, run, saveState, say, setOutput } = require('./lib/runner')

const ROOT = path.resolve(__dirname, '..', '..', '..')
const FOLDER = path.resolve(input('working-directory') || '.')

async function main() {
  if (process.platform === 'win32') throw new Error('provider-proxy runs on Linux and macOS')
  const command = path.join(__dirname, 'bin', 'provider-proxy')
  const proxy = (args, options) => run(command, args, { cwd: FOLDER, ...options })
  const { args, why } = plan()
  process.env.PYTHON = await python(ROOT)
  const extras = input('extras').split(/[\s,]+/).filter(Boolean)
  if (input('remote')) extras.push('buckets')
  if (input('max-usd')) extras.push('prices')
  await done(proxy(extras.length ? ['extras', ...extras] : ['--version']), 'provider-proxy could not be set up')
  if (why) say('notice', `${why}: recordings are replayed, and nothing is sent`)
  await recordings.restore(proxy)
  setOutput('report', path.join(FOLDER, '.provider-proxy', 'last-run.json'))
  // The variables as they were before the proxy: pushing at the end must not go through it.
  const proxies = Object.fromEntries(Object.entries(process.env).filter(([name]) => /_proxy$/i.test(name)))
  await done(proxy(args, { shown: false }), 'the proxy did not start')
  saveState('proxies', JSON.stringify(proxies))
  saveState('folder', FOLDER)
  addPath(path.dirname(command))
}

async function done(running, problem) {
  const { status } = await running
  if (status !== 0) throw new Error(`${problem}, see above`)
}

main().catch((error) => fail(error.message))
