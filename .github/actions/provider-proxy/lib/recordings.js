// Brings recordings from a bucket or from GitHub's cache, and takes new ones back. A cache never fails a job: only a
// bucket that does not answer does, since tests would go live unseen.
'use strict'
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const cache = require('./cache')
const { input, isTrue, pause, run, say } = require('./runner')

const PAUSES = [5, 10, 20, 40]

const remote = () => input('remote') || process.env.PROVIDER_PROXY_REMOTE || ''
const prefix = () => `${input('cache-key') || 'provider-proxy'}-`
const usesCache = () => !remote() && input('cache') !== 'none'

async function restore(proxy) {
  if (isTrue('refresh')) return
  if (remote()) await pull(proxy, PAUSES)
  else if (usesCache()) await fromCache(proxy)
}

async function pull(proxy, pauses) {
  for (const seconds of [...pauses, 0]) {
    const { status } = await proxy(['pull', '--optional', '--remote', remote()])
    if (status === 0) return
    await pause(seconds)
  }
  throw new Error('the bucket cannot be read, see above')
}

async function fromCache(proxy) {
  if (!cache.isThere()) {
    say('warning', 'this runner has no cache service: nothing is kept between jobs; use actions/cache, or a bucket')
    return
  }
  await withPack(async (pack) => {
    const key = await cache.restore(prefix(), pack)
    process.stdout.write(key ? `restored ${key}\n` : `nothing is cached under ${prefix()} yet\n`)
    if (key) await proxy(['import', pack])
  })
}

// Call it after the proxy has stopped, in a job that passed and has recorded something.
async function save(proxy, env) {
  if (remote()) {
    const how = isTrue('refresh') ? '--replace' : '--optional'
    const { status } = await proxy(['push', how, '--remote', remote()], { env })
    if (status !== 0) say('warning', 'the recordings could not be pushed, see above')
  } else if (usesCache() && cache.isThere()) {
    await withPack(async (pack) => {
      const { status } = await proxy(['export', pack])
      const { GITHUB_RUN_ID: id = 0, GITHUB_RUN_ATTEMPT: attempt = 1, GITHUB_JOB: job = '' } = process.env
      const key = `${prefix()}${id}-${attempt}-${job}-${Date.now()}`
      if (status === 0 && (await cache.save(key, pack))) process.stdout.write(`saved ${key}\n`)
      else say('warning', 'the recordings could not be saved')
    })
  }
}

async function withPack(use) {
  const folder = fs.mkdtempSync(path.join(process.env.RUNNER_TEMP || os.tmpdir(), 'provider-proxy-'))
  try {
    await use(path.join(folder, 'recordings.ppack'))
  } catch (error) {
    say('warning', `GitHub's cache could not be used: ${error.message}`)
  } finally {
    fs.rmSync(folder, { recursive: true, force: true })
  }
}

module.exports = { pull, restore, save }
