// Finds a Python >= 3.12, or installs one with what the machine has.
'use strict'
const fs = require('node:fs')
const path = require('node:path')
const { run } = require('./runner')

const TOO_OLD = 12
const INSTALLERS = [
  ['uv', 'uv python install 3.13'],
  ['apt-get', '$sudo apt-get update -qq && $sudo apt-get install -y -qq python3 python3-venv'],
  ['brew', 'brew install --quiet python@3.13'],
]

// The path of a Python in which run-proxy.sh, in the folder `root`, can be set up.
async function python(root) {
  const found = (await find(root)) || (await hosted(root))
  if (found) return found
  for (const [tool, script] of INSTALLERS) {
    const sudo = `sudo=$([ "$(id -u)" = 0 ] || echo "sudo -n")`
    const { status } = await run('bash', ['-c', `command -v ${tool} >/dev/null && { ${sudo}; ${script}; } >&2`])
    const installed = status === 0 && (await find(root))
    if (installed) return installed
  }
  throw new Error('found no Python >= 3.12, and could not install one; put actions/setup-python before this step')
}

// What run-proxy.sh itself would take.
async function find(root, python = '') {
  const env = python ? { ...process.env, PYTHON: python } : process.env
  const { out } = await run('bash', ['-c', '. .ci/setup.sh && find_python'], { cwd: root, env, shown: false })
  return out.trim()
}

// The newest that works of those that GitHub's images bring along, which are not on PATH.
async function hosted(root) {
  const folder = path.join(process.env.RUNNER_TOOL_CACHE || process.env.AGENT_TOOLSDIRECTORY || '', 'Python')
  const versions = fs.existsSync(folder) ? fs.readdirSync(folder) : []
  const minor = (version) => Number(version.split('.')[1])
  const usable = versions.filter((version) => version.startsWith('3.') && minor(version) >= TOO_OLD)
  for (const version of usable.sort((a, b) => minor(b) - minor(a))) {
    for (const machine of fs.readdirSync(path.join(folder, version))) {
      const candidate = path.join(folder, version, machine, 'bin', 'python')
      if (fs.existsSync(candidate) && (await find(root, candidate)) === candidate) return candidate
    }
  }
  return ''
}

module.exports = { python }
