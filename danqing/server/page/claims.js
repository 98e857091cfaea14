// Claims in a few words: "tree left of house", "2 × tree".

export function describe(claim) {
  const { kind, subject, value, object, object2, color } = claim;
  const which = color ? `${color} ${subject}` : subject;
  const other = claim.object_color ? `${claim.object_color} ${object}` : object;
  switch (kind) {
    case "object": return value ? `${value} ${which}` : which;
    case "count": return value === "several" ? `several ${which}` : `${value} × ${which}`;
    case "color": return `${subject} is ${value}`;
    case "relation": return `${which} ${value} ${other}${object2 ? ` and ${object2}` : ""}`;
    case "place": return `${which} at the ${value}`;
    case "absent": return `no ${which}`;
    case "kept": return `${which} as it was`;
    case "size": return `${value} ${which}`;
    case "text": return `the words “${value}”`;
    default: return `${kind}: ${value}`;
  }
}

/** The claim as the person will know it again: in Chinese with their own words before it. */
export function asked(claim, language) {
  return language === "zh" && claim.source ? `${claim.source} (${describe(claim)})` : describe(claim);
}
