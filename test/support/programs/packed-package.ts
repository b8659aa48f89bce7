/** The package as npm would publish it, installed into an empty project without a network. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../../..')
const lab = mkdtempSync(path.join(os.tmpdir(), 'varve-package-'))
const project = path.join(lab, 'project')

/** Runs a program and gives what it wrote; throws when it fails. */
function node(args: string[], cwd = project): string {
  return execFileSync(process.execPath, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

function npm(args: string[], cwd: string): string {
  const cache = path.join(lab, 'cache')
  const all = [...args, '--offline', '--cache', cache, '--no-audit', '--no-fund', '--no-update-notifier']
  return execFileSync('npm', all, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

/** Packs the package, and gives the path of the tarball. `type` is the project's: what its files ending in .js are. */
function pack(type: 'module' | 'commonjs'): string {
  mkdirSync(project)
  node([path.join(root, 'scripts/declarations.mjs')], root)
  // The scripts would build again what is being tested.
  const tarball = npm(['pack', '--ignore-scripts', '--silent', '--pack-destination', lab], root).trim()
  writeFileSync(path.join(project, 'package.json'), JSON.stringify({ private: true, type }))
  return path.join(lab, tarball)
}

/** Installs the package with npm, and gives the path of the tarball. */
function install(type: 'module' | 'commonjs' = 'module'): string {
  const tarball = pack(type)
  npm(['install', tarball], project)
  return tarball
}

/** Puts the files of the package where npm installs them, in a tenth of the time, and gives the path of the tarball. */
function unpack(): string {
  const tarball = pack('module')
  mkdirSync(packed.installed, { recursive: true })
  execFileSync('tar', ['-xzf', path.basename(tarball), '-C', packed.installed, '--strip-components=1'], { cwd: lab })
  return tarball
}

/** Links a package of this checkout, or of `from`, and what it depends on, as if the project had installed it. */
function link(name: string, from = path.join(root, 'node_modules')): void {
  const target = path.join(project, 'node_modules', name)
  const source = path.join(from, name)
  mkdirSync(path.dirname(target), { recursive: true })
  if (readdirSync(path.dirname(target)).includes(path.basename(target))) return
  symlinkSync(source, target, 'dir')
  const { dependencies = {} } = JSON.parse(readFileSync(path.join(source, 'package.json'), 'utf8')) as {
    dependencies?: Record<string, string>
  }
  for (const dependency of Object.keys(dependencies)) link(dependency, from)
}

function write(name: string, text: string): string {
  const file = path.join(project, name)
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, text)
  return file
}

export const packed = {
  root, lab, project, installed: path.join(project, 'node_modules/varve'), node, install, unpack, link, write,
  remove: () => rmSync(lab, { recursive: true, force: true }),
}

export interface Compilation {
  /** File names and texts. */
  files: Record<string, string>
  options: Record<string, unknown>
  /** The path of the compiler's program. */
  tsc?: string
}

const newestTsc = path.join(root, 'node_modules/typescript/bin/tsc')

/** Compiles modules of the project as strictly as can be; gives what the compiler says. */
export function compile({ files, options, tsc = newestTsc }: Compilation): string {
  for (const [name, text] of Object.entries(files)) write(name, text)
  const compilerOptions = {
    target: 'ES2022', lib: ['ES2022'], strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false,
    types: ['node'], typeRoots: [path.join(root, 'node_modules/@types')], noEmit: true, ...options,
  }
  write('tsconfig.json', JSON.stringify({ compilerOptions, files: Object.keys(files) }))
  try {
    node([tsc, '-p', project])
    return ''
  } catch (error) {
    return (error as { stdout: string }).stdout
  }
}
