-- Answer a claim request.
return claim(asked)
