/** All sections of a dump as one text, as `varve dump --hex` prints them. */
import { sectionLines } from '../../../src/dump/index.js'
import type { Section } from '../../../src/dump/index.js'

export function sectionsText(sections: Iterable<Section>): string {
  let text = ''
  for (const section of sections) {
    for (const line of sectionLines(section)) text += `${line}\n`
    text += '\n'
  }
  return text
}
