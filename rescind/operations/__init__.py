"""The actions and checks of operators: hold, resume, retry, doctor."""
