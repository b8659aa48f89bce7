/** The package as npm would publish it, installed into an empty project without a network. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..')
const lab = mkdtempSync(path.join(os.tmpdir(), 'varve-package-'))
const project = path.join(lab, 'project')
const compilers = { '7': 'typescript/bin/tsc', '5.9': 'typescript-5/bin/tsc' }

/** What the program wrote; throws when it fails. */
function node(args: string[], cwd = project): string {
  return execFileSync(process.execPath, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

function npm(args: string[], cwd: string): string {
  const cache = path.join(lab, 'cache')
  const all = [...args, '--offline', '--cache', cache, '--no-audit', '--no-fund', '--no-update-notifier']
  return execFileSync('npm', all, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

/** Gives the path of the tarball. */
function install(): string {
  mkdirSync(project)
  // The scripts would build again what is being tested.
  const tarball = npm(['pack', '--ignore-scripts', '--silent', '--pack-destination', lab], root).trim()
  writeFileSync(path.join(project, 'package.json'), '{ "private": true, "type": "module" }\n')
  npm(['install', path.join(lab, tarball)], project)
  return path.join(lab, tarball)
}

/** A package of this checkout and what it depends on, as if the project had installed it. */
function link(name: string): void {
  const target = path.join(project, 'node_modules', name)
  const source = path.join(root, 'node_modules', name)
  if (readdirSync(path.dirname(target)).includes(path.basename(target))) return
  symlinkSync(source, target, 'dir')
  const { dependencies = {} } = JSON.parse(readFileSync(path.join(source, 'package.json'), 'utf8')) as {
    dependencies?: Record<string, string>
  }
  for (const dependency of Object.keys(dependencies)) link(dependency)
}

export const packed = {
  root, lab, project, installed: path.join(project, 'node_modules/varve'), node, install, link,
  remove: () => rmSync(lab, { recursive: true, force: true }),
}

/** Type-checks a module of the project as strictly as can be; gives what the compiler says. */
export function compile(version: keyof typeof compilers, module: string): string {
  writeFileSync(path.join(project, 'consumer.ts'), module)
  const compilerOptions = {
    target: 'ES2022', lib: ['ES2023', 'ESNext.Disposable'], module: 'NodeNext', strict: true, noEmit: true,
    exactOptionalPropertyTypes: true, skipLibCheck: false, types: ['node'],
    typeRoots: [path.join(root, 'node_modules/@types')],
  }
  writeFileSync(path.join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['consumer.ts'] }))
  try {
    node([path.join(root, 'node_modules', compilers[version]), '-p', project])
    return ''
  } catch (error) {
    return (error as { stdout: string }).stdout
  }
}
