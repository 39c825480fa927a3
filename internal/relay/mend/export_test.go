package mend

// PartMemory is how long after the last word somebody has a part of a cap.
const PartMemory = partMemory
