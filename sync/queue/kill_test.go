package queue

const childEnv = "CARDFERRY_QUEUE_TEST_CHILD"

func childMain() {}
