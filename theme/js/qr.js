// A QR code (ISO/IEC 18004) of a short text, as an SVG drawn in the browser: the secret is
// sent to no other service.
//
// A subset of the standard: bytes, error correction of level L, sizes 1 to 20, and
// always the first of the eight masks, which the code declares.
"use strict";

(() => {
  // For sizes 1 to 20 at level L: codewords for correction in each block, and how many blocks.
  const correcting = [7, 10, 15, 20, 26, 18, 20, 24, 30, 18, 20, 24, 26, 30, 22, 24, 28, 30, 28, 28];
  const blocks = [1, 1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 4, 6, 6, 6, 6, 7, 8];
  const FORMAT = 0x77c4; // level L, first mask, with its own correction
  const quiet = 4; // modules of empty margin on every side

  // A grid with what is not data: true and false are modules, undefined is free.
  const frame = (version) => {
    const size = 17 + 4 * version;
    const grid = Array.from({ length: size }, () => Array(size).fill(undefined));
    const set = (x, y, dark) => {
      if (x >= 0 && y >= 0 && x < size && y < size) grid[y][x] = dark;
    };
    // Rings around a centre; `light` are the distances at which a ring is not dark.
    const rings = (cx, cy, reach, light) => {
      for (let y = -reach; y <= reach; y++) {
        for (let x = -reach; x <= reach; x++) {
          set(cx + x, cy + y, !light.includes(Math.max(Math.abs(x), Math.abs(y))));
        }
      }
    };
    for (let i = 0; i < size; i++) {
      set(6, i, i % 2 === 0);
      set(i, 6, i % 2 === 0);
    }
    for (const [x, y] of [[3, 3], [size - 4, 3], [3, size - 4]]) rings(x, y, 4, [2, 4]);
    const count = version > 1 ? Math.floor(version / 7) + 2 : 0;
    const step = Math.ceil((4 * version + 4) / (2 * count - 2)) * 2;
    const places = Array.from({ length: count }, (_, i) => (i === 0 ? 6 : size - 7 - (count - 1 - i) * step));
    for (const x of places) {
      for (const y of places) {
        const corner = (x === 6 && (y === 6 || y === size - 7)) || (y === 6 && x === size - 7);
        if (!corner) rings(x, y, 2, [1]);
      }
    }
    for (let i = 0; i < 15; i++) {
      const dark = ((FORMAT >> i) & 1) === 1;
      if (i < 8) {
        set(8, i < 6 ? i : i + 1, dark);
        set(size - 1 - i, 8, dark);
      } else {
        set(i === 8 ? 7 : 14 - i, 8, dark);
        set(8, size - 15 + i, dark);
      }
    }
    set(8, size - 8, true);
    if (version >= 7) {
      let rest = version;
      for (let i = 0; i < 12; i++) rest = (rest << 1) ^ ((rest >> 11) * 0x1f25);
      const bits = (version << 12) | rest;
      for (let i = 0; i < 18; i++) {
        const [far, near] = [size - 11 + (i % 3), Math.floor(i / 3)];
        set(far, near, ((bits >> i) & 1) === 1);
        set(near, far, ((bits >> i) & 1) === 1);
      }
    }
    return grid;
  };

  // Reed-Solomon over the field of 256 elements, x^8 + x^4 + x^3 + x^2 + 1.
  const times = (a, b) => {
    let product = 0;
    for (let bit = 7; bit >= 0; bit--) {
      product = (product << 1) ^ ((product >> 7) * 0x11d);
      if ((b >> bit) & 1) product ^= a;
    }
    return product;
  };
  const divisor = (degree) => {
    const found = [...Array(degree - 1).fill(0), 1];
    let root = 1;
    for (let i = 0; i < degree; i++) {
      for (let j = 0; j < degree; j++) found[j] = times(found[j], root) ^ (found[j + 1] || 0);
      root = times(root, 2);
    }
    return found;
  };
  const remainder = (data, by) => {
    const rest = Array(by.length).fill(0);
    for (const byte of data) {
      const factor = byte ^ rest.shift();
      rest.push(0);
      by.forEach((one, i) => { rest[i] ^= times(one, factor); });
    }
    return rest;
  };

  // The codewords of `text` in a code with `room` for them, with those for correction between them.
  const codewords = (text, version, room) => {
    const [ecc, parts] = [correcting[version - 1], blocks[version - 1]];
    const capacity = room - ecc * parts;
    const lengthBits = version < 10 ? 8 : 16;
    if (text.length * 8 + 4 + lengthBits > capacity * 8) return null;
    const bits = [];
    const put = (value, width) => {
      for (let i = width - 1; i >= 0; i--) bits.push((value >> i) & 1);
    };
    put(4, 4); // bytes
    put(text.length, lengthBits);
    for (const byte of text) put(byte, 8);
    put(0, Math.min(4, capacity * 8 - bits.length));
    put(0, (8 - (bits.length % 8)) % 8);
    for (let pad = 0xec; bits.length < capacity * 8; pad ^= 0xec ^ 0x11) put(pad, 8);
    const data = [];
    for (let i = 0; i < bits.length; i += 8) data.push(parseInt(bits.slice(i, i + 8).join(""), 2));

    const by = divisor(ecc);
    const short = parts - (room % parts); // how many blocks have one codeword less
    const dataBlocks = [];
    for (let i = 0, at = 0; i < parts; i++) {
      const length = Math.floor(room / parts) - ecc + (i < short ? 0 : 1);
      dataBlocks.push(data.slice(at, at + length));
      at += length;
    }
    const woven = (lists) =>
      Array.from({ length: Math.max(...lists.map((one) => one.length)) }, (_, i) =>
        lists.filter((one) => i < one.length).map((one) => one[i]),
      ).flat();
    return [...woven(dataBlocks), ...woven(dataBlocks.map((one) => remainder(one, by)))];
  };

  // Fills the free modules: in columns of two, from the right, up and down in turn.
  const fill = (grid, bytes) => {
    const size = grid.length;
    let at = 0;
    for (let right = size - 1; right >= 1; right -= 2) {
      if (right === 6) right = 5; // the column of the timing pattern
      const upward = ((right + 1) & 2) === 0;
      for (let i = 0; i < size; i++) {
        const y = upward ? size - 1 - i : i;
        for (const x of [right, right - 1]) {
          if (grid[y][x] !== undefined) continue;
          const bit = at < bytes.length * 8 && ((bytes[at >> 3] >> (7 - (at & 7))) & 1) === 1;
          grid[y][x] = bit !== ((x + y) % 2 === 0);
          at++;
        }
      }
    }
    return grid;
  };

  const code = (string) => {
    const text = [...new TextEncoder().encode(string)];
    for (let version = 1; version <= blocks.length; version++) {
      const grid = frame(version);
      const room = Math.floor(grid.flat().filter((one) => one === undefined).length / 8);
      const bytes = codewords(text, version, room);
      if (bytes) return fill(grid, bytes);
    }
    return null;
  };

  // Draws the code of `string` into the SVG element; one that would be too large stays hidden.
  window.site.qr = (svg, string) => {
    const grid = code(string);
    svg.toggleAttribute("hidden", !grid);
    if (!grid) return;
    const size = grid.length + 2 * quiet;
    svg.setAttribute("viewBox", `0 0 ${size} ${size}`);
    const squares = grid.flatMap((row, y) =>
      row.map((dark, x) => (dark ? `M${x + quiet} ${y + quiet}h1v1h-1z` : "")),
    );
    svg.querySelector("path").setAttribute("d", squares.join(""));
  };
})();
