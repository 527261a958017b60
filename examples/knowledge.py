"""Knowledge whose contents are rows of the same database: what was loaded, when, and how it went."""

import asyncio

from agno.db.schemas.knowledge import KnowledgeRow
from agno.knowledge import Knowledge
from place import open_database


async def main() -> None:
    """Contents are kept, listed, counted and removed. A vector store of agno's goes in `Knowledge(vector_db=...)`."""
    async with open_database() as db:
        books = Knowledge(name="books", contents_db=db)
        for title, size in (("Tea", 120), ("Coffee", 340)):
            row = KnowledgeRow(name=title, description="a page", linked_to="books", size=size, status="completed")
            await db.upsert_knowledge_content(row)
        contents, total = await books.aget_content(sort_by="size", sort_order="desc")
        print(f"{total} contents: {', '.join(content.name for content in contents)}")
        for content in contents:
            await db.delete_knowledge_content(content.id)
        print(f"{(await books.aget_content())[1]} are left")


if __name__ == "__main__":
    asyncio.run(main())
