// What GitHub's runner gives an action and takes from it.
// https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
'use strict'
const { spawn } = require('node:child_process')
const crypto = require('node:crypto')
const fs = require('node:fs')

function input(name) {
  return (process.env[`INPUT_${name.replaceAll(' ', '_').toUpperCase()}`] || '').trim()
}

// Whether a boolean input is true, in the spellings of YAML 1.2 that GitHub's own actions take.
function isTrue(name) {
  const value = input(name)
  if (!['', 'true', 'True', 'TRUE', 'false', 'False', 'FALSE'].includes(value)) {
    throw new Error(`the input ${name} takes true or false`)
  }
  return value.toLowerCase() === 'true'
}

function appendTo(variable, name, value) {
  const file = process.env[variable]
  if (!file) return
  const end = `end-${crypto.randomUUID()}`
  fs.appendFileSync(file, `${name}<<${end}\n${value}\n${end}\n`)
}

const setOutput = (name, value) => appendTo('GITHUB_OUTPUT', name, value)
const saveState = (name, value) => appendTo('GITHUB_STATE', name, value)
const state = (name) => process.env[`STATE_${name}`] || ''

// Lets later steps call the command in `folder` by its name.
function addPath(folder) {
  if (process.env.GITHUB_PATH) fs.appendFileSync(process.env.GITHUB_PATH, `${folder}\n`)
}

function say(level, message) {
  const text = message.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
  process.stdout.write(`::${level} title=provider-proxy::${text}\n`)
}

// Fails the step, with an annotation that says why.
function fail(message) {
  process.exitCode = 1
  say('error', message)
}

// Runs a command; its exit status, and its stdout unless `shown`.
function run(command, args, { cwd, env = process.env, shown = true } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', shown ? 'inherit' : 'pipe', 'inherit'] })
    let out = ''
    if (child.stdout) child.stdout.setEncoding('utf8').on('data', (part) => (out += part))
    child.on('error', reject)
    child.on('close', (status) => resolve({ status, out }))
  })
}

const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000))

module.exports = { addPath, fail, input, isTrue, pause, run, saveState, say, setOutput, state }
