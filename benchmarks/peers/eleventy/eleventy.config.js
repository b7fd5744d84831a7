// Eleventy, with what this build does too: lists, tag pages, an archive, a feed of the site and of each tag.
import highlight from "@11ty/eleventy-plugin-syntaxhighlight";
import anchor from "markdown-it-anchor";

const groups = (posts, names) => {
  const found = new Map();
  for (const post of posts) {
    for (const name of names(post)) {
      if (!found.has(name)) found.set(name, []);
      found.get(name).push(post);
    }
  }
  return [...found].map(([name, items]) => ({ name, items })).sort((a, b) => (a.name < b.name ? -1 : 1));
};

const newestFirst = (api) => api.getFilteredByGlob("posts/*.md").reverse();

export default function (config) {
  config.addPlugin(highlight);
  config.amendLibrary("md", (markdown) => markdown.use(anchor).enable("code")); // off by default
  config.addPassthroughCopy("style.css");
  config.addCollection("posts", (api) => {
    const posts = newestFirst(api);
    posts.forEach((post, index) => {
      post.data.newer = posts[index - 1];
      post.data.older = posts[index + 1];
    });
    return posts;
  });
  config.addCollection("byTag", (api) => groups(newestFirst(api), (post) => post.data.tags));
  config.addCollection("byCategory", (api) => groups(newestFirst(api), (post) => [post.data.category]));
  config.addCollection("byYear", (api) =>
    groups(newestFirst(api), (post) => [String(post.date.getUTCFullYear())]).reverse());
  config.addFilter("day", (date) =>
    date.toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" }));
  config.addFilter("iso", (date) => date.toISOString());
  // The first 50 words of the text, as Pelican's default.
  config.addFilter("summary", (html) =>
    (html || "").slice(0, 2000).replace(/<[^>]*>?/g, "").split(/\s+/).slice(0, 50).join(" "));
  return {
    markdownTemplateEngine: false, // a text may show {{ }}
    htmlTemplateEngine: "njk",
    dir: { output: "_site" },
  };
}
