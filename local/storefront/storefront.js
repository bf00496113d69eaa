// A storefront of InstantSearch.js widgets on the unmodified client; everything that is Vitrine's own is in `answer`.

const { liteClient } = window["algoliasearch/lite"];
const { instantsearch } = window;
const {
  clearRefinements,
  configure,
  currentRefinements,
  hits,
  pagination,
  panel,
  rangeInput,
  refinementList,
  searchBox,
  sortBy,
  stats,
  toggleRefinement,
} = instantsearch.widgets;

const INDEX = "products";
const HITS_PER_PAGE = 24;
const SHOWN = ["title", "brand", "categories", "description", "price", "currency", "image", "url", "in_stock", "rating"];
const SORTS = { "": "Relevance", price_asc: "Price, low to high", price_desc: "Price, high to low", newest: "Newest" };
const SHOPPERS_ATTRIBUTES = ["colour", "color", "product_colour", "material", "size"];
const TONES = 6;

const element = (id) => document.getElementById(id);
const whole = new Intl.NumberFormat("en");

const client = liteClient("local", "local-search", {
  hosts: [
    {
      url: location.hostname,
      port: location.port || undefined,
      protocol: location.protocol.slice(0, -1),
      accept: "readWrite",
    },
  ],
});

// ---------------------------------------------------------------------------------------------- words and pictures

const label = (facet) => {
  const words = facet.replace(/^attributes\./, "").replaceAll("_", " ");
  return words[0].toUpperCase() + words.slice(1);
};

const BOUNDS = { ">=": "from", "<=": "up to" };

/** A chosen filter as it is listed above the products. */
const inWords = (item) => ({
  ...item,
  label: label(item.attribute),
  refinements: item.refinements.map((chosen) => {
    if (item.attribute === "in_stock") return { ...chosen, label: "yes" };
    return chosen.operator in BOUNDS ? { ...chosen, label: `${BOUNDS[chosen.operator]} ${chosen.value}` } : chosen;
  }),
});

const productsCounted = (count) => `${whole.format(count)} ${count === 1 ? "product" : "products"}`;

const price = ({ price: amount, currency }) => {
  if (typeof amount !== "number") return "";
  const two = { minimumFractionDigits: 2, maximumFractionDigits: 2 };
  try {
    return new Intl.NumberFormat("en", { ...two, style: "currency", currency }).format(amount);
  } catch {
    return new Intl.NumberFormat("en", two).format(amount); // no currency, or none that the browser knows
  }
};

/** The address, if it is one that a link may carry: a catalogue may hold `javascript:` too. */
const webAddress = (text) => {
  const address = typeof text === "string" && URL.canParse(text, location.href) ? new URL(text, location.href) : null;
  return address && ["http:", "https:"].includes(address.protocol) ? address : null;
};

const tone = (text) => [...text].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 9973, 7) % TONES;

/** A drawn window with the brand's initial; over it the picture, which the page's policy allows from its own address. */
const picture = (hit, html) => {
  const name = String(hit.brand || hit.title);
  const initial = [...name.replace(/^[^\p{L}\p{N}]+/u, "")][0] ?? "";
  const address = webAddress(hit.image);
  return html`
    <div class="picture tone-${tone(String(hit.categories?.[0] ?? name))}" aria-hidden="true">
      <svg viewBox="0 0 120 80">
        <path d="M38 80V40a22 22 0 0 1 44 0v40M38 54h44" />
        <text x="60" y="46" text-anchor="middle">${initial.toUpperCase()}</text>
      </svg>
      ${address?.origin === location.origin &&
      html`<img src="${address.href}" alt="" loading="lazy" onError=${(event) => event.currentTarget.remove()} />`}
    </div>
  `;
};

const card = (hit, { html, components }) => {
  const address = webAddress(hit.url);
  const title = components.Highlight({ hit, attribute: "title", highlightedTagName: "mark" });
  return html`
    <article class="card">
      ${picture(hit, html)}
      <div class="text">
        <p class="brand">
          ${hit.brand ? components.Highlight({ hit, attribute: "brand", highlightedTagName: "mark" }) : "\u00a0"}
        </p>
        <h3>${address ? html`<a href="${address.href}" rel="noopener">${title}</a>` : title}</h3>
        <p class="about">
          ${hit.description && components.Snippet({ hit, attribute: "description", highlightedTagName: "mark" })}
        </p>
        <p class="sale">
          <span class="price">${price(hit)}</span>
          ${typeof hit.in_stock === "boolean" &&
          html`<span class="stock ${hit.in_stock ? "" : "out"}">${hit.in_stock ? "In stock" : "Sold out"}</span>`}
        </p>
      </div>
    </article>
  `;
};

const nothingFound = (results, { html }) => {
  const filtered = results.getRefinements().length > 0;
  return html`
    <div class="nothing">
      <h2>${results.query ? html`Nothing for “${results.query}”` : "Nothing here"}</h2>
      <p>${filtered ? "No product passes all the filters." : "Try fewer or other words."}</p>
      <div>
        ${filtered && html`<button type="button" onClick=${withoutFilters}>Remove all filters</button>`}
        ${results.query && html`<button type="button" onClick=${startAgain}>Show all products</button>`}
      </div>
    </div>
  `;
};

// ------------------------------------------------------------------------------------------------- the page's address

const FILTERS = ["refinementList", "range", "toggle"];

const address = {
  stateToRoute: ({ [INDEX]: state = {} }) => ({
    q: state.query,
    ...state.refinementList,
    price: state.range?.price,
    ...(state.toggle?.in_stock && { in_stock: "yes" }),
    sort: state.sortBy?.slice(INDEX.length + 1),
    page: state.page,
  }),
  routeToState: ({ q, price: range, in_stock: inStock, sort, page, ...lists }) => {
    const chosen = Object.entries(lists).filter(([facet]) => facets.lists.includes(facet));
    return {
      [INDEX]: {
        ...(q && { query: String(q) }),
        refinementList: Object.fromEntries(chosen.map(([facet, values]) => [facet, [values].flat().map(String)])),
        ...(/^[\d.]*:[\d.]*$/.test(range) && { range: { price: range } }),
        ...(inStock && { toggle: { in_stock: true } }),
        ...(SORTS[sort] && { sortBy: `${INDEX}_${sort}` }),
        ...(Number(page) > 1 && { page: Number(page) }),
      },
    };
  },
};

// ---------------------------------------------------------------------------------------------------------- filters

const isChoice = (names) => names.length > 1 && !names.every((name) => ["true", "false"].includes(name));

/** Which filters this catalogue has: they are asked for, since every shop names its attributes in its own way. */
const facetsOfTheShop = async () => {
  const common = { lists: ["categories", "brand"], price: true, inStock: false };
  try {
    const asked = { indexName: INDEX, query: "", hitsPerPage: 0, facets: ["*"], maxValuesPerFacet: 30 };
    const [{ facets: found = {}, facets_stats: numbers = {} }] = (await client.search({ requests: [asked] })).results;
    const attributes = Object.keys(found).filter(
      (name) => name.startsWith("attributes.") && !numbers[name] && isChoice(Object.keys(found[name])),
    );
    const familiar = SHOPPERS_ATTRIBUTES.map((name) => `attributes.${name}`).find((name) => attributes.includes(name));
    const lists = [...common.lists.filter((name) => found[name]), familiar ?? attributes[0]].filter(Boolean);
    return { lists, price: Boolean(numbers.price), inStock: Boolean(found.in_stock) };
  } catch {
    return common; // the first search will say what is wrong
  }
};

const values = (facet, container) => {
  const title = label(facet);
  const hidden = ({ items, results }) => !items.length && !results.nbHits;
  const make = panel({ hidden, templates: { header: () => title } })(refinementList);
  return make({
    container,
    attribute: facet,
    limit: 8,
    showMore: true,
    showMoreLimit: 30,
    searchable: true,
    searchablePlaceholder: `Find in ${title.toLowerCase()}`,
    searchableIsAlwaysActive: true,
    sortBy: ["isRefined:desc", "count:desc", "name:asc"],
    templates: {
      searchableNoResults: () => "No such value",
      showMoreText: ({ isShowingMore }) => (isShowingMore ? "Fewer" : "More"),
    },
  });
};

const priceRange = () =>
  panel({ templates: { header: () => "Price" } })(rangeInput)({
    container: "#panel-price",
    attribute: "price",
    precision: 0,
    templates: { separatorText: () => "to", submitText: () => "Apply" },
  });

const inStockOnly = () =>
  toggleRefinement({
    container: "#toggles",
    attribute: "in_stock",
    on: true,
    templates: { labelText: () => "In stock only" },
  });

const startAgain = () => search.setUiState({ [INDEX]: {} });

const withoutFilters = () =>
  search.setUiState((states) => {
    const kept = Object.entries(states[INDEX] ?? {}).filter(([part]) => !FILTERS.includes(part) && part !== "page");
    return { ...states, [INDEX]: Object.fromEntries(kept) };
  });

// ----------------------------------------------------------------------------------------------- what is Vitrine's own

/** What the last answer says of itself, and the query that was searched for where it is not the one typed. */
const answer = () => ({
  $$type: "vitrine.answer",
  render: ({ results }) => {
    const raw = results?._rawResults?.[0];
    if (!raw?.queryID) return;
    const lost = raw.degraded?.length ? `without ${raw.degraded.join(", ")}` : "nothing degraded";
    const parts = [`${raw.processingTimeMS} ms`, `release ${raw.release}`, `rung ${raw.rung}`, lost];
    element("answer").replaceChildren(...parts.map((part) => Object.assign(document.createElement("span"), { textContent: part })));
    element("answer").classList.toggle("degraded", Boolean(raw.degraded?.length));
    const shownQuery = raw.correctedQuery || raw.query;
    element("heading").textContent = shownQuery ? `“${shownQuery}”` : "All products";
    document.title = shownQuery ? `${shownQuery} · Vitrine` : "Vitrine: demo shop";
    const refined = results.getRefinements().length;
    for (const chosen of document.querySelectorAll(".ais-CurrentRefinements-category")) {
      chosen.lastElementChild.setAttribute("aria-label", `Remove ${chosen.firstElementChild.textContent}`);
    }
    element("refined").hidden = !refined;
    element("refined").textContent = refined ? ` ${refined}` : "";
    element("show-results").textContent = `Show ${productsCounted(results.nbHits)}`;
  },
});

/** Trouble is said above the products of the last answer, which stay; trying again asks what was asked in vain. */
const troubleShooting = () => {
  const box = element("trouble");
  let inVain = {};
  search.on("error", ({ error }) => {
    inVain = search.getUiState(); // InstantSearch is about to go back to what was answered last
    const why = error?.status ? `${error.message} (status ${error.status})` : "it cannot be reached";
    const left = element("hits").hasChildNodes() ? " What you see is its last answer." : "";
    box.firstElementChild.textContent = `The search does not answer: ${why}.${left}`;
    box.hidden = false;
    element("results").setAttribute("aria-busy", "false");
  });
  search.on("render", () => {
    element("results").setAttribute("aria-busy", String(["loading", "stalled"].includes(search.status)));
    if (search.status === "idle") box.hidden = true;
  });
  box.lastElementChild.addEventListener("click", () => search.setUiState(inVain));
};

// ------------------------------------------------------------------------------------------------ drawer and keyboard

const drawer = () => {
  const [filters, opener] = [element("filters"), element("open-filters")];
  const outside = [document.querySelector(".top"), element("results")];
  const wide = window.matchMedia("(min-width: 60rem)");
  const show = (shown) => {
    filters.classList.toggle("shown", shown);
    document.body.classList.toggle("covered", shown);
    opener.setAttribute("aria-expanded", String(shown));
    for (const part of outside) part.inert = shown;
    if (shown) element("close-filters").focus();
    else if (!wide.matches) opener.focus();
  };
  opener.addEventListener("click", () => show(true));
  element("close-filters").addEventListener("click", () => show(false));
  element("show-results").addEventListener("click", () => show(false));
  wide.addEventListener("change", () => filters.classList.contains("shown") && show(false));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && filters.classList.contains("shown")) show(false);
    if (event.key === "/" && !event.target.closest("input, textarea, select")) {
      event.preventDefault();
      document.querySelector("#searchbox input").focus();
    }
  });
};

// ------------------------------------------------------------------------------------------------------------- start

const facets = await facetsOfTheShop();
const search = instantsearch({
  indexName: INDEX,
  searchClient: client,
  routing: {
    router: instantsearch.routers.history({ cleanUrlOnDispose: false, writeDelay: 300 }),
    stateMapping: address,
  },
  future: { preserveSharedStateOnUnmount: true },
});

search.addWidgets([
  configure({
    hitsPerPage: HITS_PER_PAGE,
    attributesToRetrieve: SHOWN,
    attributesToHighlight: ["title", "brand"],
    attributesToSnippet: ["description:16"],
    maxValuesPerFacet: 30,
  }),
  searchBox({ container: "#searchbox", placeholder: "Search the shop", showSubmit: true, showLoadingIndicator: false }),
  stats({
    container: "#stats",
    templates: {
      text: ({ nbHits, nbSortedHits, areHitsSorted, query }, { html }) => {
        const typed = search.helper?.lastResults?._rawResults?.[0]?.correctedQuery && query;
        const counted = areHitsSorted
          ? `${whole.format(nbSortedHits)} of ${productsCounted(nbHits)}, those that hold every word`
          : productsCounted(nbHits);
        return html`${counted}${typed && html`<span class="typed">, instead of “${typed}”</span>`}`;
      },
    },
  }),
  sortBy({
    container: "#sort",
    items: Object.entries(SORTS).map(([name, text]) => ({ label: text, value: name ? `${INDEX}_${name}` : INDEX })),
  }),
  clearRefinements({ container: "#clear", templates: { resetLabel: () => "Clear all" } }),
  currentRefinements({
    container: "#current",
    transformItems: (items) => items.map(inWords),
  }),
  hits({ container: "#hits", templates: { item: card, empty: nothingFound } }),
  pagination({ container: "#pagination", padding: 2, scrollTo: "#results" }),
  ...facets.lists.map((facet) => values(facet, facet.includes(".") ? "#panel-attribute" : `#panel-${facet}`)),
  ...(facets.price ? [priceRange()] : []),
  ...(facets.inStock ? [inStockOnly()] : []),
  answer(),
]);

troubleShooting();
drawer();
search.start();
