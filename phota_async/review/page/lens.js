// Where all pictures of an item are looked at: one region, at one size, in each of them.

const FACE = { x: 0.5, y: 0.38 }; // where faces are when nobody points: above the middle
const CLOSEST = 4; // device pixels for a pixel of the picture
const STILL = 5; // CSS pixels that a click may move

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

export class Lens {
  constructor(onChange) {
    this.onChange = onChange;
    this.reset();
  }

  reset() {
    this.scale = null; // device pixels for a pixel of the picture; null shows all of it
    this.point = null;
    Object.assign(this, FACE);
  }

  get isClose() {
    return this.scale !== null;
  }

  // Show a place at 100 %, or everything again.
  toggle(point = this.point ?? FACE) {
    this.scale = this.isClose ? null : 1;
    if (this.isClose) Object.assign(this, { x: point.x, y: point.y });
    this.onChange();
  }

  closer(factor, point, frame) {
    const now = frame.scale * devicePixelRatio;
    const wanted = clamp(now * factor, 0, CLOSEST);
    if (wanted <= frame.fit * devicePixelRatio * 1.02) {
      this.scale = null;
    } else {
      if (!this.isClose) Object.assign(this, { x: point.x, y: point.y });
      this.scale = wanted;
      // what is under the pointer stays there
      this.x = point.x + (this.x - point.x) * (now / wanted);
      this.y = point.y + (this.y - point.y) * (now / wanted);
      this.hold();
    }
    this.onChange();
  }

  // Move by pixels of the screen.
  move(dx, dy, frame) {
    this.x -= dx / frame.width;
    this.y -= dy / frame.height;
    this.hold();
    this.onChange();
  }

  hold() {
    this.x = clamp(this.x, 0, 1);
    this.y = clamp(this.y, 0, 1);
  }
}

// The rectangle in which a picture of `base` pixels lies in a view.
export function frameOf(view, base, lens) {
  const fit = Math.min(view.clientWidth / base.width, view.clientHeight / base.height);
  const asked = lens.isClose ? lens.scale / devicePixelRatio : fit;
  const scale = lens.isClose && asked <= fit * 1.05 ? fit * 2 : asked; // it is shown at 100 % already: closer
  const [width, height] = [base.width * scale, base.height * scale];
  return {
    fit,
    scale,
    width,
    height,
    left: offset(view.clientWidth, width, lens.x),
    top: offset(view.clientHeight, height, lens.y),
  };
}

const offset = (room, length, at) =>
  length <= room ? (room - length) / 2 : clamp(room / 2 - at * length, room - length, 0);

// Put a picture into its frame: all of it, in the middle, however its sides compare.
export function put(image, size, frame) {
  const scale = Math.min(frame.width / size.width, frame.height / size.height);
  const [width, height] = [size.width * scale, size.height * scale];
  image.style.width = `${width}px`;
  image.style.height = `${height}px`;
  image.style.transform = `translate(${frame.left + (frame.width - width) / 2}px, ${frame.top + (frame.height - height) / 2}px)`;
}

// Where in the picture a pointer is, from 0 to 1.
export function pointOf(event, view, frame) {
  const box = view.getBoundingClientRect();
  return {
    x: clamp((event.clientX - box.left - frame.left) / frame.width, 0, 1),
    y: clamp((event.clientY - box.top - frame.top) / frame.height, 0, 1),
  };
}

// Let a view be looked into with mouse, finger and keyboard. `frame()` tells where its picture lies now.
export function lookInto(view, lens, frame, onClick = null) {
  const down = new Map();
  let travelled = 0;
  let apart = 0;
  const distance = () => {
    const [a, b] = [...down.values()];
    return Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
  };
  view.addEventListener("pointermove", (event) => {
    if (frame()) lens.point = pointOf(event, view, frame());
    const last = down.get(event.pointerId);
    if (!last || !frame()) return;
    const [dx, dy] = [event.clientX - last.clientX, event.clientY - last.clientY];
    down.set(event.pointerId, event);
    travelled += Math.abs(dx) + Math.abs(dy);
    if (down.size === 2) {
      const now = distance();
      lens.closer(now / apart, lens.point, frame());
      apart = now;
    } else if (lens.isClose && travelled > STILL) {
      lens.move(dx, dy, frame());
    }
  });
  view.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    if (!down.size) travelled = 0;
    down.set(event.pointerId, event);
    if (lens.isClose || down.size === 2) view.setPointerCapture(event.pointerId);
    if (down.size === 2) [apart, travelled] = [distance(), STILL + 1];
  });
  for (const name of ["pointerup", "pointercancel"])
    view.addEventListener(name, (event) => down.delete(event.pointerId));
  view.addEventListener("pointerleave", (event) => {
    if (!down.has(event.pointerId)) lens.point = null;
  });
  view.addEventListener("click", (event) => {
    if (travelled > STILL && event.detail > 0) return;
    if (onClick) onClick();
    else lens.toggle(event.detail > 0 && frame() ? pointOf(event, view, frame()) : undefined);
  });
  view.addEventListener(
    "wheel",
    (event) => {
      if (!frame() || matchMedia("(max-width: 760px)").matches) return;
      event.preventDefault();
      lens.closer(Math.exp(-event.deltaY / 400), pointOf(event, view, frame()), frame());
    },
    { passive: false },
  );
}
