// Orama in node: `build FOLDER` reads products as JSON lines, `ready FOLDER` answers requests as `serve.py` does.
import { readFileSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { create, insertMultiple, load, save, search } from '@orama/orama'
import { language, stemmer } from '@orama/stemmers/english'

const [command, folder] = process.argv.slice(2)
const kept = `${folder}/orama.json`

function empty(dimension) {
  const schema = { title: 'string', brand: 'string', description: 'string' }
  if (dimension) schema.vector = `vector[${dimension}]`
  return create({ schema, components: { tokenizer: { language, stemming: true, stemmer } } })
}

async function build() {
  const products = []
  for await (const line of createInterface({ input: process.stdin })) {
    const { objectID: id, title, brand = '', description = '', vector } = JSON.parse(line)
    products.push({ id, title, brand: brand ?? '', description: description ?? '', ...(vector && { vector }) })
  }
  const dimension = products[0].vector?.length ?? 0
  const database = empty(dimension)
  await insertMultiple(database, products, 1000)
  writeFileSync(kept, JSON.stringify({ dimension, index: save(database) }))
}

// Orama takes no vector that is less than 0.8 alike: MiniLM's queries and products hardly ever are.
function parameters(term, k, vector) {
  const words = { term, limit: k, properties: ['title', 'brand', 'description'], boost: { title: 2 } }
  return vector ? { ...words, mode: 'hybrid', similarity: 0, vector: { value: vector, property: 'vector' } } : words
}

async function ready() {
  const { dimension, index } = JSON.parse(readFileSync(kept, 'utf8'))
  const database = empty(dimension)
  load(database, index)
  console.log(JSON.stringify({ ready: true }))
  for await (const line of createInterface({ input: process.stdin })) {
    const { queries, vectors, k } = JSON.parse(line)
    const answers = []
    for (const [place, query] of queries.entries()) {
      const begun = process.hrtime.bigint()
      const found = await search(database, parameters(query, k, vectors?.[place]))
      const ms = Number(process.hrtime.bigint() - begun) / 1e6
      answers.push({ ids: found.hits.map((hit) => hit.id), ms })
    }
    console.log(JSON.stringify({ answers }))
  }
}

await { build, ready }[command]()
