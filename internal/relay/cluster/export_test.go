package cluster

// Seal seals a message as a relay of the cluster does.
func Seal(secret []byte, topic string, text []byte) []byte { return newBox(secret).seal(topic, text) }
