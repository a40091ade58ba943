// What went wrong, in words for people. Codes are those of problem documents, four our own.

const again = "again";

/** Return { title, text, action } for a problem; `about` has the limits. */
export function explain(problem, about = {}) {
  const words = WORDS[problem.code] ?? ofStatus(problem.status);
  const [title, text, action] = typeof words === "function" ? words(about, problem) : words;
  return { title, text, action };
}

export function bytes(count) {
  const units = ["bytes", "KB", "MB", "GB"];
  let unit = 0;
  while (count >= 1000 && unit < 3) (count /= 1024), (unit += 1);
  return `${count < 10 && unit ? count.toFixed(1) : Math.round(count)} ${units[unit]}`;
}

const KINDS = "JPEG, PNG, WebP, TIFF, GIF, BMP and PDF";
const DAMAGED = "Perhaps it did not arrive whole. If it opens elsewhere, save it anew and try that.";

const WORDS = {
  __proto__: null,
  unauthorized: ["A key is needed", "This service reads only for those who have an API key.", "key"],
  forbidden: ["This key may not read", "Ask whoever runs the service for one that may.", "key"],

  payload_too_large: (about, { size }) => [
    "The file is too large",
    `${size ? `It has ${bytes(size)}. ` : ""}This service takes ${about.max_bytes ? bytes(about.max_bytes) : "less"} at most at a time.`,
  ],
  too_many_images: (about) => ["Too many files at once", `This service takes ${about.max_files ?? "fewer"} at a time.`],
  image_too_large: (about) => [
    "The picture is too large",
    `This service reads pictures of up to ${Math.floor((about.max_pixels ?? 0) / 1e6)} megapixels. A smaller copy will do.`,
  ],
  too_many_pages: (about) => [
    "The document is too long",
    `This service reads ${about.max_pages ?? "fewer"} pages at a time. Split it, and read the parts.`,
  ],

  unsupported_image_type: ["This is no picture that can be read here", `${KINDS} are. Photographs in HEIC: export them as JPEG.`],
  undecodable_image: ["The picture is damaged", DAMAGED],
  damaged_document: ["The document is damaged", DAMAGED],
  invalid_document: ["The document cannot be opened", DAMAGED],
  unreadable_page: ["This page is damaged", "The others may be well."],
  page_too_costly: ["This page takes too long", "It holds more than this service will draw."],
  password_required: ["The PDF is locked", "It opens with its password.", "password"],
  wrong_password: ["That is not its password", "The PDF is still locked.", "password"],
  unsupported_encryption: ["The PDF is locked", "It is encrypted in a way that no password opens here."],
  no_image_read: ["None of the files could be read", "Why:"],

  overloaded: ["The service is busy", "Others are being read just now.", again],
  memory_exhausted: ["The service is busy", "Others are being read just now.", again],
  rate_limited: ["Too fast", "This key has asked more often than it may.", again],
  not_ready: ["The service is starting", "Its model is being loaded.", again],
  unhealthy: ["The service is not well", "It will be restarted, most likely.", again],
  deadline_exceeded: ["It took too long", "The service may be busy, or the picture very full.", again],
  upload_stalled: ["The file did not arrive", "Nothing came for a while. Is the connection slow?", again],

  offline: ["You are offline", "Connect to the network and try again. The file is still here.", again],
  unreachable: ["The service cannot be reached", "It may be down, or the way to it broken. The file is still here.", again],
  broken_off: ["The answer broke off", "What came before is shown; the rest is missing.", again],
  cancelled: ["Cancelled", "What had been read is shown.", again],
};

function ofStatus(status) {
  if (status === 413) return WORDS.payload_too_large;
  if (status >= 500) return ["Something went wrong in the service", "It is not your file's fault. Its log knows more.", again];
  return ["The service did not take this", "What it says is below.", again];
}
