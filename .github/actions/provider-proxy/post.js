// Stops the proxy, fails the job by its gates, and keeps the recordings of a job that passed.
'use strict'
const fs = require('node:fs')
const path = require('node:path')
const recordings = require('./lib/recordings')
const { fail, input, run, say, state } = require('./lib/runner')

const GATE_FAILED = 3

async function post() {
  const folder = state('folder')
  if (!folder) return // it did not start
  const proxy = (args, options) => run(path.join(__dirname, 'bin', 'provider-proxy'), args, { cwd: folder, ...options })
  const status = input('job-status') || 'failure'
  if (fs.readFileSync(path.join(folder, '.provider-proxy', 'ci.json'), 'utf8').trim()) {
    const stopped = await proxy(['stop', '--job-status', status])
    if (stopped.status === GATE_FAILED) throw new Error('a gate failed, see the report')
    if (stopped.status !== 0) throw new Error('the proxy did not end well, see above')
  } // otherwise a step of the job stopped it
  const report = JSON.parse(fs.readFileSync(path.join(folder, '.provider-proxy', 'last-run.json'), 'utf8'))
  if (!report.total.stored) return
  if (status !== 'success') return say('notice', `the job's status is ${status}: its recordings are not kept`)
  const environ = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/_proxy$/i.test(name)))
  await recordings.save(proxy, { ...environ, ...JSON.parse(state('proxies')) })
}

post().catch((error) => fail(error.message))
