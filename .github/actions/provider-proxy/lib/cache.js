// Keeps a file in GitHub's cache service, as @actions/cache does (packages/cache in actions/toolkit): three calls by
// Twirp, and signed URLs of Azure Blob Storage. Runners give the service's address to JavaScript actions alone.
'use strict'
const crypto = require('node:crypto')
const fs = require('node:fs')
const http = require('node:http')
const https = require('node:https')
const { pipeline } = require('node:stream/promises')
const { pause } = require('./runner')

const SERVICE = 'twirp/github.actions.results.api.v1.CacheService'
// Files of another kind under the same key are not ours.
const VERSION = crypto.createHash('sha256').update('provider-proxy pack 1').digest('hex')
const IDLE_MS = 60_000
const PAUSES = [1, 3, 9]

// Whether this runner has the service: GitHub Enterprise Server has an older one.
const isThere = () => Boolean(process.env.ACTIONS_RESULTS_URL && process.env.ACTIONS_RUNTIME_TOKEN)

// Writes the newest file whose key begins with `prefix` to `file`; its key, or '' if there is none.
async function restore(prefix, file) {
  const found = await call('GetCacheEntryDownloadURL', { key: prefix, restore_keys: [prefix], version: VERSION })
  if (!found.ok) return ''
  await again(() => request(member(found, 'signed_download_url'), {}, null, file))
  return member(found, 'matched_key')
}

// Keeps `file` under `key`; false if there is one already.
async function save(key, file) {
  const made = await call('CreateCacheEntry', { key, version: VERSION })
  if (!made.ok) return false
  const size = fs.statSync(file).size
  const headers = { 'content-length': size, 'content-type': 'application/octet-stream', 'x-ms-blob-type': 'BlockBlob' }
  await again(() => request(member(made, 'signed_upload_url'), { method: 'PUT', headers }, fs.createReadStream(file)))
  const done = await call('FinalizeCacheEntryUpload', { key, version: VERSION, size_bytes: String(size) })
  if (!done.ok) throw new Error(`the cache service did not take ${key}`)
  return true
}

async function call(method, message) {
  const url = new URL(`/${SERVICE}/${method}`, process.env.ACTIONS_RESULTS_URL)
  const headers = {
    authorization: `Bearer ${process.env.ACTIONS_RUNTIME_TOKEN}`,
    'content-type': 'application/json',
  }
  return JSON.parse(await again(() => request(url, { method: 'POST', headers }, JSON.stringify(message))))
}

// The service may spell names in either way of JSON for Protocol Buffers.
function member(message, name) {
  return message[name] || message[name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase())] || ''
}

async function again(attempt) {
  for (const seconds of PAUSES) {
    try {
      return await attempt()
    } catch (error) {
      if (error.status && error.status < 500) throw error
      await pause(seconds)
    }
  }
  return attempt()
}

// One request with an agent of our own: Node's would use HTTPS_PROXY, which names our proxy in the post step.
function request(url, options, body, file = '') {
  const target = new URL(url)
  const library = target.protocol === 'http:' ? http : https
  return new Promise((resolve, reject) => {
    const sent = library.request(target, { ...options, agent: new library.Agent(), timeout: IDLE_MS }, (answer) => {
      receive(answer, target, file).then(resolve, reject)
    })
    sent.on('timeout', () => sent.destroy(new Error(`${target.hostname} does not answer`)))
    sent.on('error', reject)
    if (body && body.pipe) pipeline(body, sent).catch(reject)
    else sent.end(body)
  })
}

async function receive(answer, target, file) {
  const isFine = answer.statusCode >= 200 && answer.statusCode < 300
  if (isFine && file) return pipeline(answer, fs.createWriteStream(file))
  let text = ''
  for await (const part of answer.setEncoding('utf8')) text += part
  if (isFine) return text
  // Not the whole URL, which is signed.
  throw Object.assign(new Error(`${target.hostname} answered ${answer.statusCode}`), { status: answer.statusCode })
}

module.exports = { isThere, restore, save }
