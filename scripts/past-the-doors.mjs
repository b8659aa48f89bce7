// @ts-check
// Makes an import from the door of a folder, its index.ts, an import from the file that has the name. A bundler puts all
// that can be reached through a door into every part of the package that opens it, also what only another part needs:
// so a folder of which something is loaded early, and most of it late, must not be entered by its door.
import { readFileSync } from 'node:fs'
import path from 'node:path'

/** Where a name stands that a door gives. @typedef {{ file: string, name: string }} Place */

/** @type {Map<string, Map<string, Place>>} */
const doors = new Map()

/** Gives what a source file exports that is there when it runs, by name. @param {string} file */
function exportsOf(file) {
  const known = doors.get(file)
  if (known !== undefined) return known
  /** @type {Map<string, Place>} */
  const places = new Map()
  doors.set(file, places)
  const text = readFileSync(file, 'utf8')
  for (const [, name] of text.matchAll(/^export (?:abstract |async )?(?:function\*?|class|const|let) (\w+)/gm)) {
    if (name !== undefined) places.set(name, { file, name })
  }
  for (const [, list = '', specifier = ''] of text.matchAll(/^export \{([^}]*)\} from '(\.[^']+)'/gm)) {
    for (const [own, as] of namesIn(list)) places.set(as, exportsOf(sourceOf(file, specifier)).get(own) ?? { file, name: as })
  }
  for (const [, specifier = ''] of text.matchAll(/^export \* from '(\.[^']+)'/gm)) {
    for (const [name, place] of exportsOf(sourceOf(file, specifier))) places.set(name, place)
  }
  return places
}

/** Gives names and what they are called here. @param {string} list @returns {[string, string][]} */
function namesIn(list) {
  const parts = list.split(',').map((part) => part.trim()).filter((part) => part !== '')
  return parts.map((part) => part.split(' as ')).map(([own = '', as = own]) => [own, as])
}

/** @param {string} file @param {string} specifier */
function sourceOf(file, specifier) {
  return path.resolve(path.dirname(file), specifier.replace(/\.js$/, '.ts'))
}

/** @param {string} file @param {string} text @param {readonly string[]} folders */
function withDirectImports(file, text, folders) {
  return text.replace(/^(?:im|ex)port \{([^}]*)\} from '(\.[^']*\/index\.js)'$/gm, (whole, list, specifier) => {
    const door = sourceOf(file, specifier)
    if (!folders.includes(path.basename(path.dirname(door)))) return whole
    const places = exportsOf(door)
    const verb = whole.slice(0, 'import'.length)
    // The lines behind keep their numbers, for the errors of a build.
    const lines = namesIn(list).map(([own, as]) => {
      const place = places.get(own)
      if (place === undefined) throw new Error(`${file}: '${own}' is not found behind ${specifier}`)
      return `${verb} { ${place.name === as ? as : `${place.name} as ${as}`} } from ${JSON.stringify(place.file)}`
    })
    return lines.join('; ') + '\n'.repeat(whole.split('\n').length - 1)
  })
}

/** Passes by the doors of these folders of src. @param {readonly string[]} folders @returns {import('esbuild').Plugin} */
export const pastTheDoors = (folders) => ({
  name: 'past-the-doors',
  setup({ onLoad, onStart }) {
    onStart(() => doors.clear())
    onLoad({ filter: /\/src\/.*\.ts$/ }, ({ path: file }) =>
      ({ contents: withDirectImports(file, readFileSync(file, 'utf8'), folders), loader: 'ts' }))
  },
})
